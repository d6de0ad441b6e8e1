package contract

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Result is what every deploying command answers. docs/output.md describes its
// JSON.
type Result struct {
	OK       bool     `json:"ok"`
	Decision Decision `json:"decision"`
	// DryRun means that the contract is the answer, even if its gate is shut.
	DryRun bool `json:"-"`
	// Mutated means that the host was changed at some time. Changed means that another
	// version runs than before.
	Mutated  bool      `json:"mutated"`
	Changed  bool      `json:"changed"`
	Contract *Contract `json:"contract,omitempty"`
	// Service and Env are set by verify, and by a rollback that finds no commit.
	Service string       `json:"service,omitempty"`
	Env     artifact.Env `json:"env,omitempty"`
	// Older means that the commit was first proven before the last proven commit.
	Older bool  `json:"older,omitempty"`
	Plan  *Plan `json:"plan,omitempty"`
	// Evidence is the proof, finding by finding. Witnesses are sentences about its sources.
	Evidence  []proof.Finding `json:"evidence,omitempty"`
	Witnesses []string        `json:"witnesses,omitempty"`
	Receipt   *ledger.Receipt `json:"receipt,omitempty"`
	Bytes     *ledger.Bytes   `json:"bytes,omitempty"`
	// Transfer is the account of a prefetch; a deploy's is in its receipt.
	Transfer *workload.Transfer `json:"transfer,omitempty"`
	Seconds  float64            `json:"seconds,omitempty"`
	// Scope reports the changes beside the target.
	Scope *Scope `json:"scope,omitempty"`
	// Running is what runs at the end.
	Running workload.Running `json:"running,omitzero"`
	// Rollback is the command that goes back to what was proven before.
	Rollback Command  `json:"rollback,omitzero"`
	Hints    []string `json:"hints,omitempty"`
	// Warnings are sentences about anything that the run brought live beside the commit, about
	// anything that a revert left as another writer made it, each with the next act, and about
	// older images that stay though they need not.
	Warnings []string `json:"warnings,omitempty"`
	Failure  *Failure `json:"failure,omitempty"`
}

// Plan are the facts of a preflight.
type Plan struct {
	Index    artifact.Digest   `json:"index"`
	Manifest artifact.Digest   `json:"manifest"`
	Config   artifact.Digest   `json:"config"`
	Platform artifact.Platform `json:"platform"`
	Layers   int               `json:"layers"`
	Bytes    int64             `json:"imageBytes"`
	Need     Need              `json:"need"`
	// ByReceipt is set if the registry did not resolve the commit.
	ByReceipt *ByReceipt `json:"byReceipt,omitempty"`
	// Provenance is the verdict on the image's origin.
	Provenance provenance.Verdict `json:"provenance"`
	// Standing is the image's standing by the receipts of the environment, "" if no host is
	// looked at. Subject is the commit's subject line, "" if no copy of its source has it.
	Standing ledger.Standing `json:"standing,omitempty"`
	Subject  string          `json:"subject,omitempty"`
	// Live is what runs; [Result.Running] has its facts.
	Live *workload.Instance `json:"-"`
	// Unseen is why the host was not looked at, "" if it was.
	Unseen string `json:"unseen,omitempty"`
	// AlreadyLive means that what runs is the asked commit, by the same findings
	// that a proof needs.
	AlreadyLive bool          `json:"alreadyLive"`
	Checks      []proof.Check `json:"checks"`
	// Next is the command that makes this deploy.
	Next Command `json:"next,omitzero"`
}

// Need is what staging an image will cost.
type Need struct {
	// Layers and Bytes must cross the connection. Whole is Bytes without deltas: more than
	// Bytes if some layers are made of layers that are here.
	Layers int   `json:"layers"`
	Bytes  int64 `json:"bytes"`
	Whole  int64 `json:"wholeBytes"`
	// Spool and Engine are the room that each disk needs. SpoolFree is the room that the
	// spool's disk and quota leave.
	Spool     int64 `json:"spoolBytes"`
	SpoolFree int64 `json:"spoolFreeBytes"`
	Engine    int64 `json:"engineBytes"`
}

// Failure is the error of a result.
type Failure struct {
	Step workload.Point `json:"step"`
	fault.Report
	// Next is the command to type.
	Next Command `json:"next"`
	// Logs are the last lines of a container that was not proven, scrubbed.
	Logs []string `json:"logs,omitempty"`
}

// Fail sets the decision, and err at a step as the failure.
func (r *Result) Fail(decision Decision, step workload.Point, err error) {
	r.OK, r.Decision = false, decision
	r.Failure = &Failure{Step: step, Report: remedy.Report(err)}
}

// WithGrant names the file of a grant that was given, "" for none, in the commands to
// type next.
func (r Result) WithGrant(file string) Result {
	if file != "" && r.Plan != nil {
		r.Plan.Next = r.Plan.Next.With(GrantFile, file)
	}
	if file != "" && r.Failure != nil {
		r.Failure.Next = r.Failure.Next.With(GrantFile, file)
	}
	return r
}

// Scope reports what happened to everything but the target during the change.
type Scope struct {
	// Observed means that the run compared all containers of the target's engine: their
	// state before the switch with their state after the settlement.
	Observed bool `json:"observed"`
	// Note is why the run did not compare them.
	Note string `json:"note,omitempty"`
	// Disturbed are the containers that changed though no run of ours explains it.
	Disturbed []bystander.Disturbance `json:"disturbed,omitempty"`
}

// Hints returns what to do about the disturbances.
func (s *Scope) Hints() (list []string) {
	var unexplained []string
	for _, d := range s.Disturbed {
		if d.Repair != "" {
			list = append(list, d.Detail+"; "+d.Repair)
		} else {
			unexplained = append(unexplained, d.Detail)
		}
	}
	if len(unexplained) > 0 {
		list = append(list, "find out who did it, for no run of unidesk-controller explains it: "+strings.Join(unexplained, "; "))
	}
	return list
}

// Shared warns in a plan of containers that share something with the service's.
func Shared(ref workload.Ref, all []workload.Neighbour) (checks []proof.Check) {
	cut, volumes := bystander.Sharing(all, ref)
	if len(cut) > 0 {
		checks = append(checks, proof.Check{
			Name: "neighbours", OK: true, Warning: true, Detail: strings.Join(cut, ", ") + ": the deploy takes that away, and the result names the command that repairs it",
			Fix: "have Compose recreate them afterwards",
		})
	}
	if len(volumes) > 0 {
		checks = append(checks, proof.Check{Name: "shared volumes", OK: true, Warning: true, Detail: strings.Join(volumes, ", ") + ": old and new version use them beside it"})
	}
	return checks
}

// Sentences returns a sentence for each disturbance.
func (s *Scope) Sentences() (list []string) {
	for _, d := range s.Disturbed {
		list = append(list, d.Detail)
	}
	return list
}
