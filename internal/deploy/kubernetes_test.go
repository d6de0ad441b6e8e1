package deploy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// valued keeps the values of each switch.
type valued struct {
	workload.Target
	values []workload.Values
}

func (v *valued) Switch(ctx context.Context, c workload.Change, emit func(workload.Event)) error {
	v.values = append(v.values, c.Values)
	return v.Target.Switch(ctx, c, emit)
}

func TestAConfigSyncTakesItsKeysAndNoOthers(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, c, "frontend", artifact.Dev)
		host := &valued{Target: w.Targets["D601"]}
		w.Targets["D601"] = host
		w.images.add(t, a, w.labels(a))
		req := contract.Request{Service: "frontend", Env: artifact.Dev, Commit: a.String()}
		plan := w.reaching(t, req, planOnly)
		want(t, plan, contract.DecidedReady, "")
		said := fmt.Sprintf("%+v", plan.Plan.Checks)
		for _, words := range []string{"auth.password OK:true", "present, 7 bytes", "auth.username OK:true", "session go nowhere"} {
			if !strings.Contains(said, words) {
				t.Errorf("the plan lacks %q: %s", words, said)
			}
		}
		want(t, w.reaching(t, req, runNow), contract.DecidedSucceeded, "")
		wanted := workload.NewValues(map[string]string{"password": "hunter2", "username": "u"})
		if len(host.values) != 1 || !host.values[0].Equal(wanted) {
			t.Errorf("%d switches, keys %v", len(host.values), host.values[0].Keys())
		}
		if strings.Contains(said, "hunter2") {
			t.Error("the plan shows a value")
		}
	})
}

func TestAKeyOfAConfigSyncThatIsMissingBlocks(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []reach{planOnly, runNow} {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, c, "frontend", artifact.Dev)
			w.Settings = settings{"username": "u"}
			w.images.add(t, a, w.labels(a))
			r := w.reaching(t, contract.Request{Service: "frontend", Env: artifact.Dev, Commit: a.String()}, how)
			want(t, r, contract.DecidedBlocked, fault.EnvKeyMissing)
			if r.Mutated || !strings.Contains(r.Failure.Message, "auth.password is missing") {
				t.Errorf("%+v", r.Failure)
			}
		})
	}
}

func TestNoOtherWorkloadHasValues(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"decision-center", "code-queue"} {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, c, service, artifact.Dev)
			host := &valued{Target: w.Targets["D601"]}
			w.Targets["D601"] = host
			w.images.add(t, a, w.labels(a))
			r := w.reaching(t, contract.Request{Service: service, Env: artifact.Dev, Commit: a.String()}, runNow)
			want(t, r, contract.DecidedSucceeded, "")
			if len(host.values) != 1 || host.values[0].Len() != 0 {
				t.Errorf("%s: values %v", service, host.values)
			}
		})
	}
}

// A paused Deployment of several stops the plan and the run alike.
func TestADeploymentThatIsUnfitBlocks(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []reach{planOnly, runNow} {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, c, "code-queue", artifact.Dev)
			w.Misfit()
			w.images.add(t, a, w.labels(a))
			r := w.reaching(t, contract.Request{Service: "code-queue", Env: artifact.Dev, Commit: a.String()}, how)
			want(t, r, contract.DecidedBlocked, fault.WorkloadUnfit)
			if r.Mutated || !strings.Contains(r.Failure.Message, "is paused") {
				t.Errorf("%+v", r.Failure)
			}
		})
	}
}

// What another writer changed while the change was pending is in the answer, in the
// receipt and in what recover answers, whether a run took the change back or its host.
func TestWhatARevertLeftIsInTheAnswer(t *testing.T) {
	for _, service := range []string{"code-queue", "mdtodo"} { // of four Deployments, and of a single Deployment
		t.Run(service, func(t *testing.T) { testLeft(t, service) })
	}
}

func testLeft(t *testing.T, service string) {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	row, err := c.Row(service)
	if err != nil {
		t.Fatal(err)
	}
	const why = "somebody changed it: look at it"
	for _, d := range row.Environment(artifact.Dev).Target.Kubernetes.Deployments {
		live := func(t *testing.T) *world {
			w := worldOf(t, c, service, artifact.Dev)
			w.images.add(t, a, w.labels(a))
			want(t, w.reaching(t, contract.Request{Service: service, Env: artifact.Dev, Commit: a.String()}, runNow), contract.DecidedSucceeded, "")
			w.Leave(workload.Left{Unit: d.Name, Why: why})
			return w
		}
		said := func(t *testing.T, warnings []string, w *world) {
			t.Helper()
			receipts, err := w.Ledger.History(artifact.Dev, service)
			if err != nil || len(receipts) != 2 || !slices.Equal(receipts[0].Warnings, []string{why}) {
				t.Errorf("%s: receipts %+v, %v", d.Name, receipts, err)
			}
			if !slices.Equal(warnings, []string{why}) {
				t.Errorf("%s: warnings %q", d.Name, warnings)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			w := live(t)
			w.images.add(t, b, w.labels(b))
			w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 500} }
			r := w.reaching(t, contract.Request{Service: service, Env: artifact.Dev, Commit: b.String()}, runNow)
			want(t, r, contract.DecidedReverted, fault.NotProven)
			said(t, r.Warnings, w)
		})
		synctest.Test(t, func(t *testing.T) {
			w := live(t)
			w.killed(b)
			done, err := w.Recover(t.Context())
			if err != nil || len(done) != 1 || done[0].Action != contract.TookBack {
				t.Fatalf("%+v, %v", done, err)
			}
			said(t, done[0].Warnings, w)
		})
		synctest.Test(t, func(t *testing.T) {
			w := live(t)
			w.killed(b)
			w.end(workload.Revert) // by the host itself
			done, err := w.Recover(t.Context())
			if err != nil || len(done) != 1 || done[0].Action != contract.Recorded {
				t.Fatalf("%+v, %v", done, err)
			}
			said(t, done[0].Warnings, w)
		})
		synctest.Test(t, func(t *testing.T) { // a change that a killed run left is put back on the way
			w := live(t)
			w.images.add(t, commit("c"), w.labels(commit("c")))
			w.killed(b)
			w.Emit = func(e journal.Line) {
				if e.Text == "reverted" {
					w.Leave(workload.Left{}) // the new version's switch replaces the edit
				}
			}
			r := w.reaching(t, contract.Request{Service: service, Env: artifact.Dev, Commit: commit("c").String()}, runNow)
			want(t, r, contract.DecidedSucceeded, "")
			receipts, err := w.Ledger.History(artifact.Dev, service)
			if err != nil || len(receipts) != 3 || len(r.Warnings)+len(receipts[0].Warnings) > 0 || !slices.Equal(receipts[1].Warnings, []string{why}) {
				t.Errorf("%s: %q, receipts %+v, %v", d.Name, r.Warnings, receipts, err)
			}
		})
	}
}
