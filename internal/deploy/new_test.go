package deploy_test

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Each part is required, and a part that is missing is named.
func TestADeployerIsNotMadeOfLessThanItNeeds(t *testing.T) {
	t.Parallel()
	whole := newWorld(t).Config
	if _, err := deploy.New(whole); err != nil {
		t.Fatal(err)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[deploy.Config]()) {
		if field.Type.Kind() == reflect.Bool || field.Type == reflect.TypeFor[time.Duration]() {
			continue // a choice, no part
		}
		c := whole
		reflect.ValueOf(&c).Elem().FieldByIndex(field.Index).SetZero()
		if _, err := deploy.New(c); err == nil || !strings.Contains(err.Error(), field.Name) {
			t.Errorf("without %s: %v", field.Name, err)
		}
	}
}

// counted counts how often a commit is resolved.
type counted struct {
	store
	resolved int
}

func (c *counted) Resolve(ctx context.Context, r artifact.Repository, commit artifact.Commit, p artifact.Platform) (artifact.Image, error) {
	c.resolved++
	return c.store.Resolve(ctx, r, commit, p)
}

func TestApplyLooksAtAServiceOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		count := &counted{store: w.images}
		w.Artifacts = count
		looks, before := 0, true
		w.away = func(call string) bool {
			before = before && call != "switch"
			if before && call == "observe" {
				looks++
			}
			return false
		}
		want(t, w.Apply(t.Context(), w.contract(b), false), contract.DecidedSucceeded, "")
		if count.resolved != 1 || looks != 1 {
			t.Errorf("resolved %d times, looked %d times before the switch", count.resolved, looks)
		}
	})
}

// Another version may run by the time that the run of a plan comes to the switch.
func TestApplyIsRefusedByAHostThatRunsAnotherThing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		img := w.images.add(t, b, labels(b))
		w.away = func(call string) bool {
			if call == "switch" {
				w.Put(container(a, img.Config, img.Manifest, "by hand"))
			}
			return false
		}
		want(t, w.Apply(t.Context(), w.contract(b), false), contract.DecidedBlocked, fault.Stale)
	})
}

// After a look fails, an older look does not count as what runs now.
func TestWhatRunsIsNotKnownWhenTheLastLookFails(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		over := false
		w.Emit = func(e journal.Line) { over = over || e.Text == "reverted" }
		w.away = func(call string) bool { return over && call == "observe" }
		w.Fail(confirmtest.Retag, errBoom)
		r := w.run(b)
		want(t, r, contract.DecidedReverted, fault.Internal)
		if !strings.HasPrefix(r.Running.Text, "not known: D601 could not be asked; at ") || !strings.Contains(r.Running.Text, a.String()) {
			t.Errorf("running: %s", r.Running.Text)
		}
	})
}

// An error bears the step that it came from, however it travels.
func TestAFailureNamesItsStep(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(w *world)
		want    workload.Point
	}{
		"no such commit":       {func(w *world) { delete(w.images, b) }, workload.PointResolve},
		"a check":              {func(w *world) { w.Lose("UNIDESK_BAIDU_NETDISK_TOKEN_KEY") }, workload.PointPreflight},
		"the transfer":         {func(w *world) { w.FailStage(errBoom) }, workload.PointTransfer},
		"the switch":           {func(w *world) { w.Fail(confirmtest.Retag, errBoom) }, workload.PointBefore},
		"the proof":            {func(w *world) { w.Health = func(workload.Instance) workload.Health { return workload.Health{} } }, workload.PointProve},
		"the settlement":       {func(w *world) { w.failKeep = errBoom }, workload.PointSettle},
		"the host is not seen": {func(w *world) { w.away = forever("observe") }, workload.PointGuard},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.live(a)
				w.images.add(t, b, labels(b))
				c.arrange(w)
				if r := w.run(b); r.Failure == nil || r.Failure.Step != c.want {
					t.Errorf("%+v, want step %s", r.Failure, c.want)
				}
			})
		})
	}
}
