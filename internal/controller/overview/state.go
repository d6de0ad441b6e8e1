package overview

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// State is how what runs stands to what was proven.
type State string

// The states.
const (
	// Proven: the image of the newest kept receipt runs.
	Proven State = "proven"
	// Degraded: the same, of a deploy that was kept with flags that were false before, too.
	Degraded State = "degraded"
	// Down: the version of that receipt is there, and does not run or is not ready.
	Down State = "down"
	// Drifted: something else is there, or nothing.
	Drifted State = "drifted"
	// Unproven: something runs, and no receipt is of a version that was kept.
	Unproven State = "unproven"
	// None: nothing runs, and nothing was ever proven.
	None State = "none"
	// Changing: a run has it.
	Changing State = "changing"
	// Unconfirmed: a change is not confirmed, and no run will confirm it.
	Unconfirmed State = "unconfirmed"
	// Unknown: its host did not answer.
	Unknown State = "unknown"
	// NotAsked: its host is another host, and no question went there.
	NotAsked State = "not-asked"
)

// States returns all states.
func States() []State {
	return []State{Proven, Degraded, Down, Drifted, Unproven, None, Changing, Unconfirmed, Unknown, NotAsked}
}

// wrong reports whether a person should look.
func (s State) wrong() bool {
	return slices.Contains([]State{Degraded, Down, Drifted, Unconfirmed, Unknown}, s)
}

// Live is a service in an environment that brings it live.
type Live struct {
	Service string           `json:"service"`
	Env     artifact.Env     `json:"env"`
	Host    string           `json:"host"`
	State   State            `json:"state"`
	Running workload.Running `json:"running"`
	// Proven is the newest receipt whose version was kept.
	Proven *ledger.Brief `json:"proven,omitempty"`
	// Wanted is the commit that deploy.json names, "" for none.
	Wanted string `json:"wanted,omitempty"`
	// Newer is how many published commits are newer than what runs, nil if that is not known.
	Newer *int `json:"newer,omitempty"`
}

// stateOf judges a look. held means that a run has the service.
func stateOf(held bool, seen workload.Observation, err error, last *ledger.Receipt) State {
	there := seen.Present()
	switch {
	case held:
		return Changing
	case err != nil:
		return Unknown
	case seen.Pending != nil:
		return Unconfirmed
	case len(there) == 0 && last == nil:
		return None
	case last == nil:
		return Unproven
	case len(there) == 0 || !same(seen, there, last):
		return Drifted
	case seen.Commit() == "" || slices.ContainsFunc(there, func(in workload.Instance) bool { return in.Trouble != "" }):
		return Down
	case last.Outcome == ledger.Degraded:
		return Degraded
	}
	return Proven
}

// same reports whether each unit has an instance, and each instance is of the receipt.
func same(seen workload.Observation, there []workload.Instance, last *ledger.Receipt) bool {
	for _, u := range seen.Units {
		if len(seen.Of(u.Name)) == 0 {
			return false
		}
	}
	return seen.AsStamped() && !slices.ContainsFunc(there, func(in workload.Instance) bool { return !in.Is(last.Pinned()) })
}

// newer counts what was published after a commit and was not rolled back; nil if the registry does not know when
// the commit was made, or did not answer.
func newer(s inventory.Shelf, commit string, rolledBack func(inventory.Published) bool) *int {
	i := slices.IndexFunc(s.Artifacts, func(p inventory.Published) bool { return p.Commit.String() == commit })
	if i < 0 || s.Artifacts[i].Created.IsZero() {
		return nil
	}
	n := 0
	for _, p := range s.Artifacts {
		if p.Created.After(s.Artifacts[i].Created) && !rolledBack(p) {
			n++
		}
	}
	return &n
}
