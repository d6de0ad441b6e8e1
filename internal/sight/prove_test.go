package sight_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// returning is a host whose old version runs when runs reports so.
type returning struct {
	workload.Target
	runs func(since time.Duration) bool
	at   time.Time
}

func (r returning) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	in := workload.Instance{ID: "old", Name: "web", ImageID: "image", Current: true, Running: r.runs(time.Since(r.at))}
	return workload.Observation{At: time.Now(), Instances: []workload.Instance{in}}, nil
}

// What is back just in time has the time to stay; what comes and goes does not.
func TestAnOldVersionThatIsBackInTimeHasTheTimeToStay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		runs func(time.Duration) bool
		back bool
	}{
		"at once":      {func(time.Duration) bool { return true }, true},
		"just in time": {func(d time.Duration) bool { return d >= 59500*time.Millisecond }, true},
		"too late":     {func(d time.Duration) bool { return d >= 61*time.Second }, false},
		"and goes":     {func(d time.Duration) bool { return d >= 59500*time.Millisecond && d < 60500*time.Millisecond }, false},
		"never":        {func(time.Duration) bool { return false }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			spec := workload.Spec{Ref: workloadtest.Ref("unidesk", "web"), Compose: &workload.ComposeSpec{ContainerName: "web"}}
			w := sight.Workload{
				Spec: spec, Host: returning{runs: c.runs, at: time.Now()}, Stable: 2 * time.Second, Timeout: time.Minute, Report: func(workload.Event) {},
			}
			_, err := w.ProveOld(t.Context(), workload.Before{Basis: "old", Running: true, ImageID: "image"}, &sight.Outage{})
			if (err == nil) != c.back {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
