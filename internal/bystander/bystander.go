// Package bystander checks that a deploy touched its service and nothing else: it
// compares all containers of an engine before and after and names those that
// changed without a reason. It is pure.
//
// It reports what happened meanwhile, not who did it. So it leaves out a change that
// another run of ours explains, and reports any other, by whatever cause. A container
// that was made to remove itself may go, and a new container cannot have been
// disturbed, unless it joins the target's own project.
package bystander

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Snapshot is every container of an engine at a time, by the engine's clock.
type Snapshot struct {
	At         time.Time
	Containers []workload.Neighbour
}

// Run is another run of ours: a deploy, a revert, by this controller or another.
type Run struct {
	Target workload.Ref
	Began  time.Time
	// Ended is zero while it lasts.
	Ended time.Time
}

// Kind is what happened to a container.
type Kind string

// What can happen to a container.
const (
	Removed   Kind = "removed"
	Recreated Kind = "recreated"
	Restarted Kind = "restarted"
	Stopped   Kind = "stopped"
	Started   Kind = "started"
	Created   Kind = "created"
	// CutOff: what it has from the target's container went with that.
	CutOff Kind = "cut-off"
)

// Disturbance is a change to a container that nothing explains.
type Disturbance struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	Project string `json:"project,omitempty"`
	Service string `json:"service,omitempty"`
	// Before and After are the ids, "" for none.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Detail is a sentence for people that names the container.
	Detail string `json:"detail"`
	// Repair is what to do about it, if the deploy itself did it.
	Repair string `json:"repair,omitempty"`
}

// Disturbed returns what happened between the two snapshots to containers that
// are not the target's, in the order of their names. A run among others explains
// whatever happened to its own target, if it overlaps the time between the two.
func Disturbed(before, after Snapshot, target workload.Ref, others []Run) []Disturbance {
	explained := func(c workload.Neighbour) bool {
		return c.Of(target) || slices.ContainsFunc(others, func(r Run) bool {
			return c.Of(r.Target) && !r.Began.After(after.At) && (r.Ended.IsZero() || !r.Ended.Before(before.At))
		})
	}
	had, now := index(before.Containers), index(after.Containers)
	fresh := slices.DeleteFunc(slices.Clone(after.Containers), func(c workload.Neighbour) bool {
		_, old := had[c.ID]
		return old
	})
	var gone []workload.Neighbour
	var found []Disturbance
	scope := "project"
	if target.Runtime() == workload.Kubernetes {
		scope = "namespace"
	}
	tell := func(b, a workload.Neighbour) {
		known := b
		if b.ID == "" {
			known = a
		}
		if kind, detail := compare(b, a, scope); kind != "" && !explained(known) {
			found = append(found, Disturbance{
				Kind: kind, Name: known.Name, Project: known.Scope, Service: known.Group, Before: b.ID, After: a.ID,
				Detail: called(known, scope) + " " + detail,
			})
		}
	}
	for _, b := range before.Containers {
		if a, ok := now[b.ID]; ok {
			if what := cutOff(a, before.Containers, now, target); what != "" {
				found = append(found, Disturbance{
					Kind: CutOff, Name: a.Name, Project: a.Scope, Service: a.Group, Before: a.ID, After: a.ID,
					Detail: called(a, scope) + " has lost " + what + " with the container that was replaced", Repair: repair(a),
				})
			}
			tell(b, a)
		} else {
			gone = append(gone, b)
		}
	}
	// By name before by service: of a service with several containers each is to
	// find its own successor.
	for _, same := range []func(b, a workload.Neighbour) bool{
		func(b, a workload.Neighbour) bool { return b.Name == a.Name },
		func(b, a workload.Neighbour) bool {
			return b.Group != "" && b.Scope == a.Scope && b.Group == a.Group
		},
	} {
		gone = slices.DeleteFunc(gone, func(b workload.Neighbour) bool {
			i := slices.IndexFunc(fresh, func(a workload.Neighbour) bool { return same(b, a) })
			if i < 0 {
				return false
			}
			tell(b, fresh[i])
			fresh = slices.Delete(fresh, i, i+1)
			return true
		})
	}
	for _, b := range gone {
		tell(b, workload.Neighbour{})
	}
	for _, a := range fresh {
		if a.Scope == target.Scope() {
			tell(workload.Neighbour{}, a)
		}
	}
	slices.SortFunc(found, func(a, b Disturbance) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Before, b.Before))
	})
	return found
}

func index(containers []workload.Neighbour) map[string]workload.Neighbour {
	byID := make(map[string]workload.Neighbour, len(containers))
	for _, c := range containers {
		byID[c.ID] = c
	}
	return byID
}

// compare returns what happened to a container: nothing, or a kind and the rest of a
// sentence about it. scope is what its project or namespace is called.
func compare(b, a workload.Neighbour, scope string) (Kind, string) {
	since := " since " + plain.Clock(a.Started)
	switch {
	case b.ID == "":
		return Created, "is new in the target's " + scope + ": " + workload.ShortID(a.ID)
	case b.Restarting && a.ID == b.ID:
		return "", "" // it did so before, and goes on
	case b.Running && !a.Running && a.ID == b.ID && a.Exited != nil && *a.Exited == 0 && !b.KeptRunning:
		return "", "" // it has done its work
	case b.AutoRemove && (a.ID != b.ID || !a.Running):
		return "", ""
	case a.ID == "":
		return Removed, "was removed: " + workload.ShortID(b.ID)
	case a.ID != b.ID:
		return Recreated, fmt.Sprintf("was recreated: %s in the place of %s", workload.ShortID(a.ID), workload.ShortID(b.ID))
	case b.Running && !a.Running:
		return Stopped, "was running and is stopped"
	case !b.Running && a.Running:
		return Started, "was stopped and runs" + since
	case !a.Running:
		return "", ""
	case a.Restarts > b.Restarts:
		return Restarted, fmt.Sprintf("was started again by the engine, %d times (%d before that), and runs%s", a.Restarts-b.Restarts, b.Restarts, since)
	case !a.Started.Equal(b.Started):
		return Restarted, "was restarted, and runs" + since
	}
	return "", ""
}

// called is how a sentence names a container.
func called(c workload.Neighbour, scope string) string {
	if c.Group == "" {
		return c.Name
	}
	return fmt.Sprintf("%s (service %s of %s %s)", c.Name, c.Group, scope, c.Scope)
}
