package deploy_test

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/resolve"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// worldOf is a world of another service than most stories have; its host is the
// row's.
func worldOf(t *testing.T, c *catalog.Catalog, service string, env artifact.Env) *world {
	t.Helper()
	w := newWorld(t)
	row, err := c.Row(service)
	if err != nil {
		t.Fatal(err)
	}
	w.Catalog = c
	w.host = newHost(t, row.Spec(env, "unidesk"), row.Labels)
	w.Targets = map[string]workload.Target{row.Environment(env).Target.Host: w.host}
	return w
}

// reach is how far a command goes.
type reach string

const (
	dryRun   reach = "dry-run"
	planOnly reach = "plan"
	runNow   reach = "run-now"
)

// The matrix of the requirements, whole: decision, gate and reason of each reach,
// with hosts on which everything is well. The exit codes are the command line's to
// test, with the same file.
func TestTheMatrix(t *testing.T) {
	table, err := os.ReadFile("testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cells := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		service, gate := f[0], strings.TrimPrefix(f[2], "-")
		var flag artifact.Env
		if err := flag.UnmarshalText([]byte(strings.TrimPrefix(f[1], "none"))); err != nil {
			t.Fatal(err)
		}
		env := cmp.Or(flag, artifact.Prod)
		for i, reach := range []reach{dryRun, planOnly, runNow} {
			cells++
			decision, reason := contract.Decision(f[3+3*i]), fault.Reason(strings.TrimPrefix(f[5+3*i], "-"))
			t.Run(service+" "+f[1]+" "+string(reach), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := worldOf(t, c, service, env)
					w.images.add(t, a, w.labels(a))
					w.readOnly = reach != runNow || gate != ""
					r := w.reaching(t, contract.Request{Service: service, Env: flag, Commit: a.String()}, reach)
					got := fault.Reason("")
					if r.Failure != nil {
						got = r.Failure.Reason
						if r.Failure.Next.IsZero() || reach == dryRun && r.Failure.Next.Equal(r.Contract.ToSign()) {
							t.Errorf("the next command is none, or this very one: %q", r.Failure.Next)
						}
					}
					if r.Decision != decision || got != reason || string(r.Contract.Gate.Code) != gate {
						t.Errorf("decided %s, %q at gate %q, want %s, %q at %q: %+v", r.Decision, got, r.Contract.Gate.Code, decision, reason, gate, r.Failure)
					}
					if gate != "" && r.Plan != nil && !r.Plan.Next.IsZero() {
						t.Errorf("the plan names %q, which the gate stops", r.Plan.Next)
					}
					if r.Contract.EnvSource != map[bool]string{true: "default", false: "flag"}[flag == 0] {
						t.Errorf("the environment is from the %s", r.Contract.EnvSource)
					}
				})
			})
		}
	}
	if cells != 15*3*3 {
		t.Errorf("%d cells, want 135", cells)
	}
}

// reaching goes as far as how asks.
func (w *world) reaching(t *testing.T, req contract.Request, how reach) contract.Result {
	t.Helper()
	c, err := contract.NewContract(w.Catalog, req)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case dryRun:
		return contract.DryRun(c)
	case planOnly:
		return w.Plan(t.Context(), c)
	}
	return w.Run(t.Context(), c, false)
}

// No host is asked about a deploy that the catalog does not allow.
func TestCodeQueueInProdContactsNothing(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range []artifact.Env{0, artifact.Prod} {
		promise, err := contract.NewContract(c, contract.Request{Service: "code-queue", Env: env, Commit: a.String()})
		if err != nil {
			t.Fatal(err)
		}
		if len(promise.Targets)+len(promise.Deployments)+len(promise.EnvKeys) > 0 || !promise.Rollback.IsZero() || promise.Target.Host != "" {
			t.Errorf("there is a target: %+v", promise)
		}
		w := newWorld(t)
		w.Targets = map[string]workload.Target{"nowhere": nil} // a call to a target panics
		w.Artifacts = struct{ resolve.Artifacts }{}
		d := w.deployer()
		for _, r := range []contract.Result{d.Plan(t.Context(), promise), d.Run(t.Context(), promise, true), d.Apply(t.Context(), promise, true)} {
			if r.Decision != contract.DecidedUnsupported || r.OK || r.Mutated {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestGatesOpenForWhatTheyWant(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(append(catalog.BuiltinFile(), `
  wiki:
    compose: {project: wiki, service: wiki, container: wiki-backend, image: wiki}
    environments: {prod: {mode: live, gates: [supervisor-required, promote]}, dev: {mode: live, shape: d601-compose}}
`...))
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]struct {
		service string
		asked   contract.Asked
		want    catalog.Gate
	}{
		"backend-core by deploy apply":       {"backend-core", contract.Asked{Entry: contract.ByDeployApply}, ""},
		"backend-core by deploy-service":     {"backend-core", contract.Asked{Entry: contract.ByDeployService}, catalog.UseDeployApply},
		"code-queue-mgr with a grant":        {"code-queue-mgr", contract.Asked{Granted: true}, ""},
		"code-queue-mgr by deploy apply":     {"code-queue-mgr", contract.Asked{Entry: contract.ByDeployApply}, catalog.SupervisorRequired},
		"k3sctl-adapter with a grant":        {"k3sctl-adapter", contract.Asked{Granted: true}, catalog.SupervisorRequired},
		"met-nonlinear with a grant":         {"met-nonlinear", contract.Asked{Granted: true}, catalog.ContractMismatch},
		"code-queue with everything":         {"code-queue", contract.Asked{Granted: true, Promoted: true, Entry: contract.ByDeployApply}, contract.GateUnsupported},
		"two gates, neither open":            {"wiki", contract.Asked{}, catalog.SupervisorRequired},
		"two gates, one open":                {"wiki", contract.Asked{Granted: true}, catalog.Promote},
		"two gates, both open":               {"wiki", contract.Asked{Granted: true, Promoted: true}, ""},
		"the legacy entry, whatever it asks": {"frontend", contract.Asked{Entry: contract.ByDeployBackendCore, Granted: true}, contract.GateDeprecated},
	} {
		row, err := c.Row(g.service)
		if err != nil {
			t.Fatal(err)
		}
		if got := contract.Judge(row, artifact.Prod, g.asked); got.Code != g.want || g.want != "" && (got.Why == "" || got.Next.IsZero()) {
			t.Errorf("%s: %+v, want %q", name, got, g.want)
		}
	}
}

// dev, then prod: the very digest that dev proved.
func TestPromoteWantsADevDeployOfTheSameDigest(t *testing.T) {
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
		w.Targets["D601"] = w.host // which has a single container at a time
		w.images.add(t, a, w.labels(a))
		prod := contract.Request{Service: "wiki", Env: artifact.Prod, Commit: a.String()}
		r := w.reaching(t, prod, runNow)
		want(t, r, contract.DecidedGated, fault.PromoteFirst)
		if strings.Contains(r.Running.Text, "not checked") {
			t.Errorf("running: %s", r.Running.Text)
		}
		if !strings.Contains(r.Failure.Next.String(), "--env dev --commit "+a.String()+" --run-now") || w.switches != 0 {
			t.Errorf("next %q after %d switches", r.Failure.Next, w.switches)
		}
		plan := w.reaching(t, prod, planOnly)
		want(t, plan, contract.DecidedGated, fault.PromoteFirst)
		if plan.Contract.Gate.Code != catalog.Promote || !plan.Plan.Next.IsZero() || !plan.Failure.Next.Equal(r.Failure.Next) {
			t.Errorf("gate %q, next %q", plan.Contract.Gate.Code, plan.Plan.Next)
		}
		want(t, w.reaching(t, contract.Request{Service: "wiki", Env: artifact.Dev, Commit: a.String()}, runNow), contract.DecidedSucceeded, "")
		w.Kill()
		if plan := w.reaching(t, prod, planOnly); plan.Contract.Gate.Code != "" || !strings.Contains(plan.Plan.Next.String(), "--run-now") {
			t.Errorf("gate %q, next %q", plan.Contract.Gate.Code, plan.Plan.Next)
		}
		want(t, w.reaching(t, prod, runNow), contract.DecidedSucceeded, "")
	})
}

// After the gate is switched on, prod can still go back to what it had before.
func TestWhatProdHasProvenNeedsNoDevDeploy(t *testing.T) {
	wiki := func(gates string) *catalog.Catalog {
		c, err := catalog.Parse(append(catalog.BuiltinFile(), `
  wiki:
    compose: {service: wiki, container: wiki-backend, image: wiki}
    environments: {prod: {mode: live, gates: [`+gates+`]}}
`...))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, wiki(""), "wiki", artifact.Prod)
		w.service = "wiki"
		for _, c := range []artifact.Commit{a, b, commit("c")} {
			w.images.add(t, c, w.labels(c))
		}
		want(t, w.run(a), contract.DecidedSucceeded, "")
		want(t, w.run(b), contract.DecidedSucceeded, "")
		w.Catalog = wiki("promote")
		want(t, w.run(commit("c")), contract.DecidedGated, fault.PromoteFirst)
		plan := w.Plan(t.Context(), w.contract(a))
		if want(t, plan, contract.DecidedReady, ""); plan.Plan.Next.IsZero() || !plan.Older {
			t.Errorf("next %q, older %v", plan.Plan.Next, plan.Older)
		}
		want(t, w.run(a), contract.DecidedSucceeded, "")
		w.Health = func(workload.Instance) workload.Health { return workload.Health{Status: 503} }
		w.Catalog = wiki("")
		want(t, w.run(commit("c")), contract.DecidedReverted, fault.NotProven)
		w.Catalog = wiki("promote")
		want(t, w.Run(t.Context(), w.again(commit("c")), false), contract.DecidedGated, fault.PromoteFirst)
	})
}

func TestTheStatementIsMadeWhereASignatureOpensTheGate(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]string{"code-queue-mgr": "sign code-queue-mgr prod aaaa", "k3sctl-adapter": "", "frontend": ""} {
		contract, err := contract.NewContract(c, contract.Request{
			Service: service, Commit: a.String(),
			Statement: func(s artifact.ServiceID, env artifact.Env, c artifact.Commit) string {
				return "sign " + s.String() + " " + env.String() + " " + c.Short()[:4]
			},
		})
		if err != nil || contract.Statement != want {
			t.Errorf("%s: %q, want %q (%v)", service, contract.Statement, want, err)
		}
	}
}

// The registry's host takes the image from the registry beside it.
func TestNothingCrossesForAServiceOnTheRegistrysHost(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, c, "findjob", artifact.Prod)
		w.images.add(t, a, w.labels(a))
		r := w.reaching(t, contract.Request{Service: "findjob", Commit: a.String()}, planOnly)
		want(t, r, contract.DecidedReady, "")
		if r.Plan.Need != (contract.Need{Engine: 400}) {
			t.Errorf("need %+v", r.Plan.Need)
		}
		if len(w.spec.Ref.Scope()) == 0 || w.spec.Ref.Scope() == "unidesk" {
			t.Errorf("project %q is the master's", w.spec.Ref.Scope())
		}
	})
}

// A service that no environment brings live need not be placed on its host, where any
// operator could switch it: no host is asked about it.
func TestAPlanAsksNoHostAboutWhatIsBroughtLiveNowhere(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []contract.Request{
		{Service: "met-nonlinear", Env: artifact.Dev},
		{Service: "met-nonlinear", Env: artifact.Prod},
		{Service: "k3sctl-adapter", Env: artifact.Prod},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := worldOf(t, c, req.Service, req.Env)
			w.images.add(t, a, w.labels(a))
			w.away = func(call string) bool {
				t.Errorf("%s: the host was asked: %s", req.Service, call)
				return true
			}
			w.Estimator = struct{ deploy.Estimator }{} // to ask it is a panic
			req.Commit = a.String()
			r := w.reaching(t, req, planOnly)
			if r.Decision != contract.DecidedGated && r.Decision != contract.DecidedUnsupported {
				t.Errorf("%s: %s", req.Service, r.Decision)
			}
			if !strings.HasPrefix(r.Running.Text, "not checked: ") || r.Plan.Unseen == "" || !r.Plan.Next.IsZero() || len(r.Plan.Checks) == 0 {
				t.Errorf("%s: running %q, next %q, checks %v", req.Service, r.Running.Text, r.Plan.Next, r.Plan.Checks)
			}
			w.images.add(t, a, w.labels(b))
			want(t, w.reaching(t, req, planOnly), contract.DecidedBlocked, fault.LabelMismatch)
		})
	}
}

// Nothing is known here of how infrastructure is deployed, and nothing is claimed.
func TestInfrastructureHasNoTarget(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	promise, err := contract.NewContract(c, contract.Request{Service: "k3sctl-adapter", Commit: a.String()})
	if err != nil {
		t.Fatal(err)
	}
	if promise.Shape != catalog.Infrastructure || promise.Gate.Code != catalog.SupervisorRequired {
		t.Errorf("shape %s, gate %+v", promise.Shape, promise.Gate)
	}
	if n := len(promise.Targets) + len(promise.Deployments) + len(promise.EnvKeys) + len(promise.Target.Tags); n != 0 || promise.Target.Command != "" || promise.EnvFile != "" {
		t.Errorf("it has a target: %+v", promise)
	}
	for _, left := range []string{"every Compose project", "every Kubernetes object"} {
		if !slices.Contains(promise.ExcludedTargets, left) {
			t.Errorf("%q is not among what is left alone: %q", left, promise.ExcludedTargets)
		}
	}
}

func TestAHostWithoutWorkloadsIsSaidSo(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, c, "findjob", artifact.Prod)
		w.Targets = map[string]workload.Target{catalog.Master: w.host}
		req := contract.Request{Service: "findjob", Commit: a.String()}
		plan, live := w.reaching(t, req, planOnly), w.reaching(t, req, runNow)
		want(t, plan, contract.DecidedBlocked, fault.CapabilityMissing)
		want(t, live, contract.DecidedBlocked, fault.CapabilityMissing)
		for _, r := range []contract.Result{plan, live} { // asking again changes nothing
			if r.Failure.Next.String() != "unidesk-controller doctor" {
				t.Errorf("next: %s", r.Failure.Next)
			}
		}
		if done, err := w.Recover(t.Context()); err != nil || len(done) != 0 {
			t.Errorf("recover: %v, %v", done, err)
		}
	})
}
