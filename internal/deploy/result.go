package deploy

import (
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Decision is what a command came to, in one word.
type Decision string

// The decisions.
const (
	// DecidedRefused: the request itself is wrong; nothing was begun.
	DecidedRefused Decision = "refused"
	// DecidedContract: a dry run; nothing was contacted.
	DecidedContract Decision = "contract"
	// DecidedReady: every read-only check holds.
	DecidedReady Decision = "ready"
	// DecidedBlocked: a check does not hold; --run-now would refuse.
	DecidedBlocked Decision = "blocked"
	// DecidedUnsupported: the service cannot be brought live in this environment.
	DecidedUnsupported Decision = "unsupported"
	// DecidedGated: a gate stands before it; the result says what opens it.
	DecidedGated Decision = "gated"
	// DecidedDeprecated: the command is a legacy one, and names the one to use.
	DecidedDeprecated Decision = "deprecated"
	// DecidedIncomplete: all that may be done is done; some services were skipped.
	DecidedIncomplete Decision = "incomplete"
	// DecidedSucceeded: the commit is live, and proven.
	DecidedSucceeded Decision = "succeeded"
	// DecidedUnchanged: it was live already, and is proven afresh.
	DecidedUnchanged Decision = "unchanged"
	// DecidedDegraded: it is live, but flags that were false before still are.
	DecidedDegraded Decision = "degraded"
	// DecidedReverted: it was not proven; what ran before runs again.
	DecidedReverted Decision = "reverted"
	// DecidedRevertFailed: neither could be had; the result says what to type.
	DecidedRevertFailed Decision = "revert-failed"
	// DecidedUnsettled: the host of an unsettled change cannot be asked any more; it
	// takes the change back by itself, unless somebody settles it.
	DecidedUnsettled Decision = "unsettled"
	// DecidedFailed: it failed before anything that runs was touched.
	DecidedFailed Decision = "failed"
	// DecidedInterrupted: a person stopped it; the result says what runs.
	DecidedInterrupted Decision = "interrupted"
	// DecidedDrifted: what runs is not what the receipt proved.
	DecidedDrifted Decision = "drifted"
	// DecidedBusy: a deploy of it goes on, so that what runs is not settled.
	DecidedBusy Decision = "busy"
)

// Result is what every deploying command answers. docs/output.md describes its
// JSON.
type Result struct {
	OK       bool     `json:"ok"`
	Decision Decision `json:"decision"`
	// Mutated says that the host was changed at some time, Changed that another
	// version runs than before.
	Mutated  bool      `json:"mutated"`
	Changed  bool      `json:"changed"`
	Contract *Contract `json:"contract,omitempty"`
	// Service and Env are what verify was asked about.
	Service string      `json:"service,omitempty"`
	Env     catalog.Env `json:"env,omitempty"`
	// Older says that the commit was first proven before the one proven last was.
	Older bool  `json:"older,omitempty"`
	Plan  *Plan `json:"plan,omitempty"`
	// Evidence is the proof, finding by finding; Witnesses says what was real.
	Evidence  []proof.Finding `json:"evidence,omitempty"`
	Witnesses []string        `json:"witnesses,omitempty"`
	Receipt   *ledger.Receipt `json:"receipt,omitempty"`
	Bytes     *ledger.Bytes   `json:"bytes,omitempty"`
	Seconds   float64         `json:"seconds,omitempty"`
	// Scope is what became of everything else.
	Scope *Scope `json:"scope,omitempty"`
	// Running is what runs at the end, in a sentence.
	Running string `json:"running,omitempty"`
	// Rollback is the command that goes back to what was proven before.
	Rollback string   `json:"rollback,omitempty"`
	Hints    []string `json:"hints,omitempty"`
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
	// Provenance is what is made of where the image comes from.
	Provenance provenance.Verdict `json:"provenance"`
	Live       *workload.Instance `json:"live,omitempty"`
	// Unseen is why nothing that runs was looked at.
	Unseen string `json:"unseen,omitempty"`
	// AlreadyLive says that what runs is the asked commit, by the same findings
	// that a proof needs.
	AlreadyLive bool          `json:"alreadyLive"`
	Checks      []proof.Check `json:"checks"`
	// Next is the command that does it.
	Next string `json:"next,omitempty"`
}

// Need is what staging an image will cost.
type Need struct {
	// Layers and Bytes must cross the connection.
	Layers int   `json:"layers"`
	Bytes  int64 `json:"bytes"`
	// Spool and Engine are the room that is needed on each disk, SpoolFree what
	// the spool's disk and quota leave.
	Spool     int64 `json:"spoolBytes"`
	SpoolFree int64 `json:"spoolFreeBytes"`
	Engine    int64 `json:"engineBytes"`
}

// Failure is an error as a result carries it.
type Failure struct {
	Step workload.Point `json:"step"`
	fault.Report
	// Next is the command to type.
	Next string `json:"next"`
	// Logs are the last lines of a container that was not proven, scrubbed.
	Logs []string `json:"logs,omitempty"`
}

// fail makes the result that of a failure at a step.
func (r *Result) fail(decision Decision, step workload.Point, err error) {
	r.OK, r.Decision = false, decision
	r.Failure = &Failure{Step: step, Report: remedy.Report(err)}
}

// elapsed sets the wall time, in seconds with milliseconds.
func (r *Result) elapsed(since time.Time) {
	r.Seconds = float64(time.Since(since).Milliseconds()) / 1000
}

// Refused is the result of a request that was never begun.
func Refused(err error) Result {
	var r Result
	r.fail(DecidedRefused, workload.PointGuard, err)
	r.Failure.Next = afterRefusal(*r.Failure)
	return r
}

func afterRefusal(f Failure) string {
	switch f.Reason {
	case fault.Usage:
		if strings.HasPrefix(f.Hint, "unidesk-controller ") {
			return f.Hint // the line that the command takes
		}
		return "unidesk-controller --help"
	case fault.CommitNotPinned:
		return "unidesk-controller artifact-registry list"
	case fault.UnknownService, fault.Unsupported, fault.RuntimeNotBuilt:
		return "unidesk-controller services"
	case fault.ReceiptNotFound, fault.WorkloadNotFound:
		return "unidesk-controller history"
	case fault.Interrupted:
		return recoverCommand
	}
	return "unidesk-controller doctor"
}
