package workload

import (
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Change is a switch to another image, provisional until it is settled.
type Change struct {
	ID  string `json:"id"`
	Ref Ref    `json:"ref"`
	// Image is what to run; it must be staged.
	Image artifact.Pinned `json:"image"`
	// Basis is the [Observation.Basis] that the caller's plan was made for.
	Basis Basis `json:"basis"`
	// Stamps are the deploy keys to write, without prefix.
	Stamps map[string]string `json:"stamps"`
	// FlagsBefore are the health flags as they were, by [FlagOf]. The proof needs them, and
	// a run that attaches later cannot ask for them any more.
	FlagsBefore map[string]bool `json:"flagsBefore,omitempty"`
	// Deadline is when its host reverts an unsettled change.
	Deadline time.Time `json:"deadline"`
	// Holder names who runs it, for the refusal that another run gets.
	Holder string `json:"holder"`
	// Values are what [ConfigSync] writes. No record has them.
	Values Values `json:"-"`
}

// Pending is an unsettled change.
type Pending struct {
	Change Change    `json:"change"`
	Since  time.Time `json:"since"`
	// Before is what ran, for people and for the proof of a revert.
	Before Before `json:"before"`
	// Failed is why the revert of the change failed, "" if none was tried.
	Failed string `json:"failed,omitempty"`
	// Barred names the account that can revert the change, "" if this process's account can.
	Barred string `json:"-"`
	// HeldUntil is when the lease of the change's run ends, by the host's clock; zero
	// if the host keeps no leases.
	HeldUntil time.Time `json:"heldUntil,omitzero"`
}

// Before is what a change replaces.
type Before struct {
	// Basis identifies what ran: in Compose the container's id, "" if there was none.
	Basis Basis `json:"container,omitempty"`
	// Running means that it ran; a container that was down before need not be up after a revert.
	Running bool   `json:"running"`
	ImageID string `json:"imageId,omitempty"`
	// Commit is the commit that its image names, "" if it names none.
	Commit string          `json:"commit,omitempty"`
	Config artifact.Digest `json:"config"`
}

// Outcome is how a change ended.
type Outcome string

// The outcomes. A change whose revert failed stays pending, and is reported.
const (
	Keep   Outcome = "kept"
	Revert Outcome = "reverted"
)

// Settled is a change that has ended.
type Settled struct {
	ChangeID string          `json:"changeId"`
	Commit   artifact.Commit `json:"commit"`
	Outcome  Outcome         `json:"outcome"`
	At       time.Time       `json:"at"`
	// Left is what the revert did not put back.
	Left []Left `json:"left,omitempty"`
}

// Left is what a revert left as another writer made it.
type Left struct {
	// Unit is the name of a unit, "" for anything else.
	Unit string `json:"unit,omitempty"`
	// Why is a sentence for people, with the next act.
	Why string `json:"why"`
}

// Leaves reports whether a unit is left as another writer made it. s may be nil.
func (s *Settled) Leaves(unit string) bool {
	return s != nil && slices.ContainsFunc(s.Left, func(l Left) bool { return l.Unit == unit })
}

// Warnings are the sentences about what the change's revert left, none if s is of another
// change or nil.
func (s *Settled) Warnings(changeID string) (list []string) {
	if s == nil || s.ChangeID != changeID {
		return nil
	}
	for _, l := range s.Left {
		list = append(list, l.Why)
	}
	return list
}

// Settlement ends a change.
type Settlement struct {
	ChangeID string
	Outcome  Outcome
	// Proven are the copies that the proof saw; needed with Keep. The host refuses to
	// keep if another copy runs, or no copy. In Kubernetes other pods of the proven
	// ReplicaSets may run, too.
	Proven []Copy
	// Retire are commits of the service whose images need not stay; used with Keep.
	Retire []artifact.Commit
}
