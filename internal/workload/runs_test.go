package workload_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// What runs is known by the present copies alone, and since the last of them started.
func TestTheFactsOfWhatRuns(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	copyOf := func(name, commit string, started time.Time) workload.Instance {
		return workload.Instance{Name: name, Unit: "web", Current: true, Running: true, Commit: commit, Started: started}
	}
	seen := workload.Observation{At: at.Add(time.Hour), Instances: []workload.Instance{
		copyOf("one", "a", at), copyOf("two", "a", at.Add(time.Minute)), {Name: "old", Unit: "web", Running: true, Commit: "b", Started: at.Add(2 * time.Minute)},
	}}
	if r := seen.Runs(); !r.Known || r.Commit != "a" || r.Differs || !r.Since.Equal(at.Add(time.Minute)) || len(r.Instances) != 2 || r.Instances[1].Name != "two" || !r.Instances[1].Runs {
		t.Errorf("%+v", r)
	}
	if r := seen.Runs().As(false); r.AsProven == nil || *r.AsProven {
		t.Errorf("%+v", r)
	}
	seen.Instances[0].Running = false
	seen.Instances[1].Stamped = map[string]string{workload.KeyCommit: "c"}
	if r := seen.Runs(); r.Commit != "" || !r.Differs || !r.Since.IsZero() || r.Instances[0].Runs {
		t.Errorf("%+v", r)
	}
	if r := workload.NotKnown("D601", "not known").As(true); r.Known || r.AsProven != nil || r.Instances == nil || r.Host != "D601" {
		t.Errorf("%+v", r)
	}
}
