package workload

import "time"

// Running describes what runs of a workload: as facts for a script, and as a sentence for
// people. The facts are those of a new look. Without such a look Known is false, and all
// facts but Host are zero; Text has the reason, and maybe the result of an earlier look.
type Running struct {
	Text  string `json:"text"`
	Known bool   `json:"known"`
	// AsProven reports whether what runs is what was proven: by this command, or by the newest
	// receipt of a version that was kept. It is nil if the command does not compare them.
	AsProven *bool `json:"asProven,omitempty"`
	// Commit is that of the images that run: see [Observation.Commit].
	Commit string `json:"commit"`
	// Differs means that an environment names another commit than its image.
	Differs bool   `json:"differs,omitempty"`
	Host    string `json:"host"`
	// Seen is the time of the look, by the clock of the controller.
	Seen time.Time `json:"seen,omitzero"`
	// Since is when the last of the instances started; zero if any does not run.
	Since     time.Time `json:"since,omitzero"`
	Instances []Runs    `json:"instances"`
}

// Runs is a container or a pod of a workload, in short.
type Runs struct {
	Name string `json:"name"`
	// Unit is the Compose service or the Deployment that it is a copy of.
	Unit    string    `json:"unit"`
	ID      string    `json:"id"`
	Image   string    `json:"image"`
	ImageID string    `json:"imageId"`
	Commit  string    `json:"commit"`
	Runs    bool      `json:"runs"`
	Since   time.Time `json:"since,omitzero"`
	// Restarts counts how often the runtime started it again; Trouble is why it does not run
	// or is not ready, in the words of the runtime.
	Restarts int    `json:"restarts"`
	Trouble  string `json:"trouble,omitempty"`
}

// NotKnown returns the answer about a workload that could not be looked at.
func NotKnown(host, text string) Running {
	return Running{Text: text, Host: host, Instances: []Runs{}}
}

// Runs returns what an observation shows of the present version.
func (o Observation) Runs() Running {
	all := Running{Known: true, Commit: o.Commit(), Differs: !o.AsStamped(), Instances: []Runs{}}
	whole := true
	for _, in := range o.Present() {
		all.Instances = append(all.Instances, Runs{
			Name: in.Name, Unit: in.Unit, ID: in.ID, Image: in.Image, ImageID: in.ImageID, Commit: in.Commit, Runs: in.Running, Since: in.Started.UTC(), Restarts: in.Restarts, Trouble: in.Trouble,
		})
		if whole = whole && in.Running; in.Started.After(all.Since) {
			all.Since = in.Started.UTC()
		}
	}
	if !whole {
		all.Since = time.Time{}
	}
	return all
}

// As returns what runs with the judgement whether it is what was proven. What is not known is
// not judged.
func (r Running) As(proven bool) Running {
	if r.Known {
		r.AsProven = &proven
	}
	return r
}
