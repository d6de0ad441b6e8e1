package inventory

import "github.com/pikasTech/unidesk-artifact-cd/internal/artifact"

// Running is what runs of a service in an environment.
type Running struct {
	// Commit is that of the images that run; "" if none runs, or if they name none.
	Commit string `json:"commit"`
	// Seen describes it, with the time of the look; "" if its host could not be asked.
	Seen string `json:"seen,omitempty"`
	// Differs means that the environment of what runs names another commit than its image.
	Differs bool `json:"differs,omitempty"`
}

// runningOf returns what runs by service, of places that were looked at. A place that its
// host does not have is left out.
func runningOf(places []*Place) map[string]map[artifact.Env]Running {
	all := map[string]map[artifact.Env]Running{}
	for _, p := range places {
		if p.Unplaced {
			continue
		}
		r := Running{}
		if p.Err == nil {
			r = Running{p.Seen.Commit(), p.Workload.Running(p.Seen), !p.Seen.AsStamped()}
		}
		name := p.Row.Service.String()
		if all[name] == nil {
			all[name] = map[artifact.Env]Running{}
		}
		all[name][p.Env] = r
	}
	return all
}
