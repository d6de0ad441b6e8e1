package inventory

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Running returns what the look at a place showed.
func (p *Place) Running() workload.Running {
	host := p.Workload.HostName
	switch {
	case p.Unplaced:
		return workload.NotKnown(host, "not placed on "+host)
	case p.Err != nil:
		return p.Workload.Running(p.Seen) // the zero view: not known
	}
	return p.Workload.Showed(p.Seen)
}

// unconfirmed returns what runs, with the change to it that its host has not settled, if any.
func unconfirmed(r workload.Running, left *workload.Pending) workload.Running {
	if left != nil {
		r.Text += ", which is not confirmed: the change to " + left.Change.Image.Commit.Short() + " by " + left.Change.Holder + " is under way or interrupted"
	}
	return r
}

// runningOf returns what runs by service, of places that were looked at. A place that its
// host does not have is left out.
func runningOf(places []*Place) map[string]map[artifact.Env]workload.Running {
	all := map[string]map[artifact.Env]workload.Running{}
	for _, p := range places {
		if p.Unplaced {
			continue
		}
		name := p.Row.Service.String()
		if all[name] == nil {
			all[name] = map[artifact.Env]workload.Running{}
		}
		all[name][p.Env] = p.Running()
	}
	return all
}
