package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// besideOthers runs a story of a master with two more containers: a service of the
// catalog's, and another.
func besideOthers(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		began := time.Now().Add(-time.Hour)
		w.Neighbour(workload.Neighbour{ID: "1", Name: "todo-note-backend", Scope: "unidesk", Group: "todo-note", Running: true, Started: began})
		w.Neighbour(workload.Neighbour{ID: "2", Name: "database", Scope: "unidesk", Group: "database", Running: true, Started: began})
		w.live(a)
		w.images.add(t, b, labels(b))
		story(t, w)
	})
}

// restarts makes a container restart while the service is switched.
func (w *world) restarts(name string) {
	w.onSwitch = func() { w.RestartNeighbour(name) }
}

func names(s *contract.Scope) (out []string) {
	for _, d := range s.Disturbed {
		out = append(out, d.Name+" "+string(d.Kind))
	}
	return out
}

func TestADisturbedNeighbourDegradesTheResult(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		w.restarts("database")
		r := w.run(b)
		want(t, r, contract.DecidedDegraded, "")
		if diff := cmp.Diff([]string{"database restarted"}, names(r.Scope)); diff != "" || !r.Scope.Observed {
			t.Errorf("%+v: %s", r.Scope, diff)
		}
		if !r.Changed || w.runs() != b.String() || len(r.Receipt.Disturbed) != 1 || !strings.Contains(strings.Join(r.Hints, " "), "database") {
			t.Errorf("changed %v, runs %s, receipt %q, hints %q", r.Changed, w.runs(), r.Receipt.Disturbed, r.Hints)
		}
		if diff := cmp.Diff([]string{"succeeded bbbb", "succeeded aaaa"}, w.history()); diff != "" {
			t.Errorf("the version itself is proven: %s", diff)
		}
	})
}

func TestAnUndisturbedNeighbourhoodIsAsserted(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if !r.Scope.Observed || len(r.Scope.Disturbed) > 0 || len(r.Receipt.Disturbed) > 0 {
			t.Errorf("%+v", r.Scope)
		}
	})
}

func TestAnotherRunOfOursExplainsItsOwnService(t *testing.T) {
	for name, arrange := range map[string]func(t *testing.T, w *world){
		"by its receipt": func(t *testing.T, w *world) {
			row, err := w.Catalog.Row("todo-note")
			if err != nil {
				t.Fatal(err)
			}
			receipt := w.receipt()
			receipt.ID, receipt.Service = "other", row.Service
			receipt.Started, receipt.Finished = time.Now(), time.Now().Add(time.Minute)
			if _, err := w.Ledger.Record(receipt); err != nil {
				t.Fatal(err)
			}
		},
		"by its receipt that is pending": func(t *testing.T, w *world) {
			row, err := w.Catalog.Row("todo-note")
			if err != nil {
				t.Fatal(err)
			}
			receipt := w.receipt()
			receipt.ID, receipt.Service, receipt.Finished = "other", row.Service, time.Now().Add(-time.Minute)
			if err := w.Ledger.Prepare(receipt); err != nil {
				t.Fatal(err)
			}
		},
		"by its unsettled change": func(_ *testing.T, w *world) {
			w.beside = map[string]workload.Observation{"todo-note": {Pending: &workload.Pending{Since: time.Now()}}}
		},
		"by the change that was settled last": func(_ *testing.T, w *world) {
			w.beside = map[string]workload.Observation{"todo-note": {Last: &workload.Settled{At: time.Now().Add(time.Second)}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			besideOthers(t, func(t *testing.T, w *world) {
				w.restarts("todo-note-backend")
				want(t, w.run(b), contract.DecidedDegraded, "")
				arrange(t, w)
				w.restarts("todo-note-backend")
				r := w.Run(t.Context(), w.contract(b), true)
				want(t, r, contract.DecidedSucceeded, "")
				if len(r.Scope.Disturbed) > 0 {
					t.Errorf("%+v", r.Scope)
				}
			})
		})
	}
}

// A slow answer does not make the host's clock look late.
func TestAnotherRunThatBeginsAtTheEndExplainsItself(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		w.Health = func(in workload.Instance) workload.Health {
			time.Sleep(3 * time.Second)
			return honest(in)
		}
		w.onSettle = func() {
			w.beside = map[string]workload.Observation{"todo-note": {Pending: &workload.Pending{Since: time.Now()}}}
			w.RestartNeighbour("todo-note-backend")
		}
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if len(r.Scope.Disturbed) > 0 {
			t.Errorf("%+v", r.Scope)
		}
	})
}

// The host's clock is hours ahead, and still a run explains what happened while it
// lasted, and nothing else.
func TestADisturbanceOnAnotherHostIsJudgedByItsClock(t *testing.T) {
	for name, c := range map[string]struct {
		began, ended time.Duration // of the other run, by the clock here
		want         contract.Decision
	}{
		"while the other run lasted": {0, time.Minute, contract.DecidedSucceeded},
		"after it":                   {-time.Hour, -time.Minute, contract.DecidedDegraded},
		"before it":                  {time.Hour, 2 * time.Hour, contract.DecidedDegraded},
	} {
		t.Run(name, func(t *testing.T) {
			onD601(t, func(t *testing.T, w *world) {
				w.SetAhead(3 * time.Hour)
				row, err := w.Catalog.Row("pipeline")
				if err != nil {
					t.Fatal(err)
				}
				ref := row.Spec(artifact.Prod, w.Project).Ref
				w.Neighbour(workload.Neighbour{ID: "1", Name: "pipeline", Scope: ref.Scope(), Group: ref.Name(), Running: true, Started: w.Now().Add(-24 * time.Hour)})
				receipt := w.receipt()
				receipt.ID, receipt.Service = "other", row.Service
				receipt.Started, receipt.Finished = time.Now().Add(c.began), time.Now().Add(c.ended)
				if _, err := w.Ledger.Record(receipt); err != nil {
					t.Fatal(err)
				}
				w.restarts("pipeline")
				r := w.run(b)
				want(t, r, c.want, "")
				if !r.Scope.Observed {
					t.Errorf("%+v", r.Scope)
				}
			})
		})
	}
}

// receipt returns the newest receipt.
func (w *world) receipt() ledger.Receipt {
	w.t.Helper()
	all, err := w.Ledger.History(0, "")
	if err != nil || len(all) == 0 {
		w.t.Fatal(all, err)
	}
	return all[0]
}

func TestARevertNamesWhoWasDisturbed(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		w.restarts("database")
		w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		r := w.run(b)
		want(t, r, contract.DecidedReverted, fault.NotProven)
		if diff := cmp.Diff([]string{"database restarted"}, names(r.Scope)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAScopeThatWasNotObservedSaysSo(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		w.FailList(errBoom)
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Scope.Observed || r.Scope.Note != "boom" {
			t.Errorf("%+v", r.Scope)
		}
	})
	onD601(t, func(t *testing.T, w *world) {
		w.away = times("neighbours", 1, 1)
		r := w.run(b)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Scope.Observed || !strings.Contains(r.Scope.Note, "the way is cut") {
			t.Errorf("%+v", r.Scope)
		}
	})
	besideOthers(t, func(t *testing.T, w *world) {
		w.away = forever("switched")
		if r := w.run(b); r.Scope.Observed || r.Scope.Note == "" {
			t.Errorf("%+v", r.Scope)
		}
	})
}

func TestWhatIsLeftAloneIsNamed(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		const database, todo = "composeService=database containerName=database on master", "composeService=todo-note containerName=todo-note-backend on master"
		c := w.contract(b)
		r := w.Plan(t.Context(), c)
		if slices.Contains(c.ExcludedTargets, database) || !slices.Contains(r.Contract.ExcludedTargets, database) {
			t.Errorf("%q, then %q", c.ExcludedTargets, r.Contract.ExcludedTargets)
		}
		count := 0
		for _, name := range r.Contract.ExcludedTargets {
			if name == todo {
				count++
			}
		}
		if count != 1 || slices.Contains(r.Contract.ExcludedTargets, c.Targets[0]) {
			t.Errorf("%q", r.Contract.ExcludedTargets)
		}
	})
}
