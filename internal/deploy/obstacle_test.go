package deploy_test

import (
	"context"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// errArtifacts is a registry that cannot be asked.
type errArtifacts struct{ err error }

func (e errArtifacts) Resolve(context.Context, artifact.Repository, artifact.Commit, artifact.Platform) (artifact.Image, error) {
	return artifact.Image{}, e.err
}

// unseen makes the host answer every look with an error.
func (w *world) unseen(err error) {
	w.Targets = map[string]workload.Target{catalog.Master: workload.Via(func(context.Context, workload.Ref) (workload.Target, error) { return nil, err })}
}

// origin makes every origin the same.
func (w *world) origin(v provenance.Verdict) {
	w.Provenance = judge(func(context.Context, provenance.Wanted) provenance.Verdict { return v })
}

// beforeSwitch does something when the switch is asked for.
func (w *world) beforeSwitch(do func()) {
	w.away = func(call string) bool {
		if call == "switch" {
			do()
		}
		return false
	}
}

// obstacles arrange what stands before a deploy of b, while a runs.
func obstacles() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"failed-check":   func(t *testing.T, w *world) { w.images.add(t, b, w.labels(a)) },
		"not-published":  func(_ *testing.T, w *world) { delete(w.images, b) },
		"secret-missing": func(_ *testing.T, w *world) { w.Lose("UNIDESK_BAIDU_NETDISK_TOKEN_KEY") },
		"placement-unfit": func(_ *testing.T, w *world) {
			w.Place(workload.Spec{Ref: w.spec.Ref})
		},
		"capability-missing": func(_ *testing.T, w *world) { w.Targets = map[string]workload.Target{"D601": w.host} },
		"role-missing":       func(_ *testing.T, w *world) { w.unseen(fault.New(fault.RoleMissing, "it may not")) },
		"disk-full":          func(_ *testing.T, w *world) { w.Estimator = cost{Engine: 1<<40 + 1, SpoolFree: 1} },
		"locked": func(t *testing.T, w *world) {
			unlock, err := w.Ledger.Lock(artifact.Prod, w.service, "another run")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(unlock)
		},
		"provenance-contradicted": func(_ *testing.T, w *world) {
			w.origin(provenance.Verdict{Status: provenance.Contradicted})
		},
		"live-and-contradicted": func(t *testing.T, w *world) {
			want(t, w.run(b), contract.DecidedSucceeded, "")
			w.origin(provenance.Verdict{Status: provenance.Contradicted})
		},
		"tag-moved": func(t *testing.T, w *world) {
			want(t, w.run(b), contract.DecidedSucceeded, "")
			w.pushAnew(b)
		},
		"failed-before": func(t *testing.T, w *world) {
			w.sick(b)
			want(t, w.run(b), contract.DecidedReverted, fault.NotProven)
		},
		"change-of-another": func(_ *testing.T, w *world) { w.killed(commit("c")) },
		"changed-meanwhile": func(_ *testing.T, w *world) {
			w.Provenance = judge(func(context.Context, provenance.Wanted) provenance.Verdict {
				if w.pending() == nil {
					w.killed(commit("c"))
				}
				return provenance.Verdict{Status: provenance.Unverified}
			})
		},
		"stale": func(_ *testing.T, w *world) {
			w.beforeSwitch(func() { w.Put(container(a, w.images[a].Config, w.images[a].Manifest, "by hand")) })
		},
		"disk-full-meanwhile": func(_ *testing.T, w *world) { w.FailStage(fault.New(fault.DiskFull, "no room")) },
		"host-silent":         func(_ *testing.T, w *world) { w.away = forever("observe") },
		"host-key":            func(_ *testing.T, w *world) { w.unseen(fault.New(fault.HostKeyMismatch, "another key")) },
		"engine-silent":       func(_ *testing.T, w *world) { w.unseen(fault.Transient(fault.EngineUnavailable, "no engine")) },
		"registry-silent": func(_ *testing.T, w *world) {
			w.Artifacts = errArtifacts{fault.Transient(fault.RegistryUnavailable, "it restarts")}
		},
		"origin-silent": func(t *testing.T, w *world) {
			c, err := catalog.Parse([]byte(strings.Replace(string(catalog.BuiltinFile()), "  baidu-netdisk:\n", "  baidu-netdisk:\n    provenance: required\n", 1)))
			if err != nil {
				t.Fatal(err)
			}
			w.Catalog = c
			w.origin(provenance.Verdict{Status: provenance.Unverified, Retry: true})
		},
		"transfer-cut": func(_ *testing.T, w *world) { w.FailStage(fault.Transient(fault.HostUnreachable, "cut")) },
	}
}

// pushAnew makes a commit's tag name another image, with the same labels.
func (w *world) pushAnew(commit artifact.Commit) artifact.Image {
	w.t.Helper()
	l := maps.Clone(w.labels(commit))
	l["built"] = "anew"
	return w.images.add(w.t, commit, l)
}

// An image that is not what was proven of its commit goes live only if its digest is
// named, and the receipt names it, too.
func TestAMovedTagIsRefusedUnlessItsDigestIsNamed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		was := w.images.add(t, b, labels(b))
		w.live(b)
		is := w.pushAnew(b)
		r := w.run(b)
		want(t, r, contract.DecidedBlocked, fault.TagMoved)
		for _, part := range []string{was.Manifest.String(), is.Manifest.String(), "by tester at 20", "prod"} {
			if !strings.Contains(r.Failure.Message, part) {
				t.Errorf("%q is not in: %s", part, r.Failure.Message)
			}
		}
		if !strings.Contains(r.Failure.Hint, "--digest "+is.Manifest.String()) {
			t.Errorf("hint: %s", r.Failure.Hint)
		}
		meant := func(d artifact.Digest) contract.Contract {
			c, err := contract.NewContract(w.Catalog, contract.Request{Service: w.service, Env: artifact.Prod, Commit: b.String(), Digest: d.String()})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		want(t, w.Run(t.Context(), meant(was.Manifest), false), contract.DecidedBlocked, fault.TagMoved)
		plan := w.Plan(t.Context(), meant(is.Manifest))
		want(t, plan, contract.DecidedReady, "")
		if !strings.HasSuffix(plan.Plan.Next.String(), "--digest "+is.Manifest.String()) {
			t.Errorf("next: %s", plan.Plan.Next)
		}
		r = w.Run(t.Context(), meant(is.Manifest), false)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Receipt.Image.Named != is.Manifest {
			t.Errorf("the receipt names %q", r.Receipt.Image.Named)
		}
		want(t, w.run(b), contract.DecidedUnchanged, "") // from now on it is what was proven
		w.images[b] = was
		want(t, w.run(b), contract.DecidedBlocked, fault.TagMoved)
	})
}

// A commit that was proven, and that the registry lost, was published: the answer has the
// time of its proof, and the account.
func TestACommitThatTheRegistryLostIsSaidToHaveBeenProven(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		was := w.images[a].Manifest.String()
		w.live(b)
		w.Prune()
		delete(w.images, a)
		r := w.Plan(t.Context(), w.contract(a))
		want(t, r, contract.DecidedBlocked, fault.ArtifactNotFound)
		if !strings.Contains(r.Failure.Message, "it was proven in prod by tester at 20") || !strings.Contains(r.Failure.Hint, was) {
			t.Errorf("%s (%s)", r.Failure.Message, r.Failure.Hint)
		}
		if r = w.Plan(t.Context(), w.contract(commit("c"))); strings.Contains(r.Failure.Message, "proven") {
			t.Errorf("of a commit that was never proven: %s", r.Failure.Message)
		}
	})
}

// An obstacle has the same answer for a plan, a run and an apply. Nothing that runs is
// touched, and no receipt is written. The exit codes are the command line's to test,
// with the same file.
func TestAnObstacleHasOneAnswer(t *testing.T) {
	table, err := os.ReadFile("testdata/obstacles.txt")
	if err != nil {
		t.Fatal(err)
	}
	arrange := obstacles()
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(strings.ReplaceAll(line, " - ", " - - "))
		if f[0] == "#" {
			continue
		}
		for i, reach := range []string{"plan", "run-now", "apply"} {
			decision := contract.Decision(f[2+2*i])
			if decision == "-" {
				continue
			}
			t.Run(f[0]+" "+reach, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					w.live(a)
					w.images.add(t, b, labels(b))
					if arrange[f[0]] == nil {
						t.Fatalf("nothing arranges %s", f[0])
					}
					arrange[f[0]](t, w)
					receipts, switches := len(w.history()), w.switches-w.kills
					var r contract.Result
					switch c := w.contract(b); reach {
					case "plan":
						w.readOnly = true
						r = w.Plan(t.Context(), c)
					case "run-now":
						r = w.Run(t.Context(), c, false)
					case "apply":
						r = w.Apply(t.Context(), c, false)
					}
					want(t, r, decision, fault.Reason(f[1]))
					if r.Mutated || w.switches-w.kills > switches || len(w.history()) > receipts {
						t.Errorf("mutated %v, %d switches, receipts %q", r.Mutated, w.switches-w.kills-switches, w.history())
					}
					if r.Failure.Next.IsZero() {
						t.Error("no next command")
					}
				})
			})
		}
		delete(arrange, f[0])
	}
	for name := range arrange {
		t.Errorf("the table has no row for %s", name)
	}
}

// A plan reports a check that does not hold before it reports the gate, and so does a
// run whose gate the digest decides about.
func TestACheckIsToldBeforeTheGate(t *testing.T) {
	c, err := catalog.Parse(append(catalog.BuiltinFile(), `
  wiki:
    compose: {project: wiki, service: wiki, container: wiki-backend, image: wiki}
    environments: {prod: {mode: live, gates: [promote]}, dev: {mode: live, shape: d601-compose}}
`...))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, c, "wiki", artifact.Prod)
		w.service, w.readOnly = "wiki", true
		w.images.add(t, a, w.labels(b))
		for _, r := range []contract.Result{w.Plan(t.Context(), w.contract(a)), w.run(a), w.Apply(t.Context(), w.contract(a), false)} {
			want(t, r, contract.DecidedBlocked, fault.LabelMismatch)
		}
		w.images.add(t, a, w.labels(a))
		for _, r := range []contract.Result{w.Plan(t.Context(), w.contract(a)), w.run(a), w.Apply(t.Context(), w.contract(a), false)} {
			want(t, r, contract.DecidedGated, fault.PromoteFirst)
			if r.Plan == nil || strings.HasPrefix(r.Running.Text, "not checked") || !strings.Contains(r.Failure.Next.String(), "--env dev") {
				t.Errorf("plan %+v, running %q, next %q", r.Plan, r.Running.Text, r.Failure.Next)
			}
		}
	})
}
