package confirm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// version is that of the pending file that this program writes. It reads version 1,
// too; any other is refused, as its fields may mean something else.
const version = 2

// record is a pending file.
type record[S any] struct {
	Version int `json:"version"`
	// Spec is the workload's placement as it was when the change began: the change
	// ends by it, whatever the configuration holds by then.
	Spec   workload.Spec   `json:"spec"`
	Change workload.Change `json:"change"`
	Since  time.Time       `json:"since"`
	Before workload.Before `json:"before"`
	// State is what the runtime needs to revert the change.
	State  S      `json:"state"`
	Failed string `json:"failed,omitempty"`
}

func (r record[S]) pending() *workload.Pending {
	return &workload.Pending{Change: r.Change, Since: r.Since, Before: r.Before, Failed: r.Failed}
}

// readRecord returns the record in the file, nil if there is no file.
func (s store[S]) readRecord(path string) (*record[S], error) {
	b, err := s.readFile(path)
	if b == nil || err != nil {
		return nil, err
	}
	var head struct{ Version, Schema int }
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&head); err != nil {
		return nil, foreign(path, err)
	}
	switch n := cmp.Or(head.Version, head.Schema); n {
	case version:
		return parse[record[S]](path, b)
	case 1:
		old, err := parse[recordV1[S]](path, b)
		if err != nil {
			return nil, err
		}
		r, err := old.convert()
		if err != nil {
			return nil, foreign(path, err)
		}
		return &r, nil
	default:
		return nil, fault.New(fault.CapabilityMissing, "%s is of version %d, this program reads 1 and %d", path, n, version).
			WithHint("end the change with the version of the program that began it")
	}
}

// recordV1 is a pending file of version 1, which had Compose only.
type recordV1[S any] struct {
	Change struct {
		ID   string `json:"id"`
		Spec struct {
			Ref struct {
				Compose struct{ Project, Service string }
			} `json:"ref"`
			Container string         `json:"container"`
			Image     string         `json:"image"`
			EnvPrefix string         `json:"envPrefix"`
			Secrets   []string       `json:"secrets"`
			Probe     workload.Probe `json:"probe"`
		} `json:"spec"`
		Commit      artifact.Commit   `json:"commit"`
		Manifest    artifact.Digest   `json:"manifest"`
		Config      artifact.Digest   `json:"config"`
		Saw         workload.Basis    `json:"saw"`
		Env         map[string]string `json:"env"`
		FlagsBefore map[string]bool   `json:"flagsBefore"`
		Deadline    time.Time         `json:"deadline"`
		Holder      string            `json:"holder"`
	} `json:"change"`
	Since  time.Time       `json:"since"`
	Before workload.Before `json:"before"`
	State  S               `json:"state"`
	Failed string          `json:"failed"`
}

func (o recordV1[S]) convert() (record[S], error) {
	c := o.Change
	ref, err := workload.NewRef(workload.Compose, c.Spec.Ref.Compose.Project, c.Spec.Ref.Compose.Service)
	return record[S]{
		Version: version,
		Spec: workload.Spec{
			Ref: ref, KeyPrefix: c.Spec.EnvPrefix, Secrets: c.Spec.Secrets, Probe: c.Spec.Probe,
			Compose: &workload.ComposeSpec{ContainerName: c.Spec.Container, Image: c.Spec.Image},
		},
		Change: workload.Change{
			ID: c.ID, Ref: ref, Image: artifact.Pinned{Commit: c.Commit, Manifest: c.Manifest, Config: c.Config},
			Basis: c.Saw, Stamps: c.Env, FlagsBefore: c.FlagsBefore, Deadline: c.Deadline, Holder: c.Holder,
		},
		Since: o.Since, Before: o.Before, State: o.State, Failed: o.Failed,
	}, err
}

func parse[T any](path string, b []byte) (*T, error) {
	v := new(T)
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(v); err != nil {
		return nil, foreign(path, err)
	}
	return v, nil
}

// foreign is the fault of a file that this program did not write.
func foreign(path string, err error) error {
	return fault.New(fault.Internal, "%s is not a change's state: %w", path, err).
		WithHint("it is never written by halves: something else wrote to it; look at it before moving it away")
}
