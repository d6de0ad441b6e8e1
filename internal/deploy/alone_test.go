package deploy_test

import (
	"context"
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// liveOn are the services, with their environments, that a runtime of a host runs.
func (w *world) liveOn(host string, runtime workload.Runtime) (list []string) {
	for _, id := range w.Catalog.Services() {
		row, err := w.Catalog.Row(id.String())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, env := range artifact.Envs() {
			if e := row.Environment(env); e.Mode == catalog.Live && e.Target.Host == host && row.Spec(env, w.Project).Ref.Runtime() == runtime {
				list = append(list, id.String()+" "+env.String())
			}
		}
	}
	return list
}

// The API server of a host is silent: its Compose services are recovered all the same, and
// each service of its cluster is named. The silent server is asked once.
func TestRecoverGoesOnBesideARuntimeThatIsSilent(t *testing.T) {
	for silent, beside := range map[workload.Runtime]workload.Runtime{workload.Kubernetes: workload.Compose, workload.Compose: workload.Kubernetes} {
		inWorld(t, func(t *testing.T, w *world) {
			reason := map[workload.Runtime]fault.Reason{workload.Kubernetes: fault.KubernetesUnavailable, workload.Compose: fault.EngineUnavailable}[silent]
			w.live(a)
			w.killed(b)
			asked := map[workload.Runtime]int{}
			w.Targets["D601"] = workload.Via(func(_ context.Context, ref workload.Ref) (workload.Target, error) {
				asked[ref.Runtime()]++
				if ref.Runtime() == silent {
					return nil, fault.Transient(reason, "no answer")
				}
				return nil, fault.New(fault.WorkloadNotFound, "not placed")
			})
			done, err := w.Recover(t.Context())
			if err != nil || len(done) == 0 || done[len(done)-1].Host != "" {
				t.Fatalf("%+v, %v", done, err)
			}
			var took bool
			var named []string
			for _, one := range done {
				switch one.Action {
				case contract.TookBack:
					took = true
				case contract.Unreached:
					named = append(named, one.Service.String()+" "+one.Env.String())
					if one.Failure.Reason != reason {
						t.Errorf("%+v", one.Failure)
					}
				default:
					t.Errorf("%+v", one)
				}
			}
			if want := w.liveOn("D601", silent); !took || !slices.Equal(named, want) {
				t.Errorf("reverted: %t, named %q, want %q", took, named, want)
			}
			if others := len(w.liveOn("D601", beside)); asked[silent] != 1 || asked[beside] < others || others == 0 {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// The master's engine is down: what is left on the other host is recovered.
func TestRecoverGoesOnWithoutTheMastersEngine(t *testing.T) {
	onD601(t, func(t *testing.T, w *world) {
		w.killed(b)
		w.Targets[catalog.Master] = workload.Via(func(context.Context, workload.Ref) (workload.Target, error) {
			return nil, fault.Transient(fault.EngineUnavailable, "no engine")
		})
		done, err := w.Recover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		took, failed := 0, 0
		for _, one := range done {
			switch one.Action {
			case contract.TookBack:
				took++
			case contract.Failed:
				failed++
			}
		}
		if took != 1 || failed != len(w.liveOn(catalog.Master, workload.Compose)) {
			t.Errorf("%+v", done)
		}
	})
}

// A run that crashed after its settlement left the container that held the old image.
func TestRecoverRemovesWhatHoldsAnImage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		last := w.seen().Last.ChangeID
		w.Hold(last)
		w.FailRetire(fault.New(fault.EngineFailed, "in use"))
		done, err := w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Released || len(done[0].Warnings) != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		w.FailRetire(nil)
		done, err = w.Recover(t.Context())
		if err != nil || len(done) != 1 || done[0].Action != contract.Released || done[0].Change != last || len(done[0].Warnings) > 0 || w.runs() != a.String() {
			t.Fatalf("%+v, %v", done, err)
		}
		if done, err = w.Recover(t.Context()); err != nil || len(done) > 0 {
			t.Errorf("%+v, %v", done, err)
		}
	})
}

// A container that holds an image for a pending change is that change's.
func TestWhatHoldsAnImageForAPendingChangeStays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		w.Hold("killed")
		if seen := w.seen(); seen.Pending == nil || seen.Holds != nil {
			t.Errorf("%+v", seen)
		}
	})
}
