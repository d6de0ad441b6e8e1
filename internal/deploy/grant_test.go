package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// behindTheGate runs a story of code-queue-mgr.
func behindTheGate(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := catalog.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		w := worldOf(t, c, "code-queue-mgr", artifact.Prod)
		w.service = "code-queue-mgr"
		w.images.add(t, a, w.labels(a))
		w.images.add(t, b, w.labels(b))
		story(t, w)
	})
}

func (w *world) granted(commit artifact.Commit, nonce string) contract.Contract {
	c := w.contract(commit)
	return c.Granted(grant.Grant{
		Statement: grant.Statement{Deploy: grant.Deploy{Service: c.Service, Env: c.Env, Commit: c.Commit}, Nonce: nonce}, Signer: "alice",
	})
}

func TestAGrantIsUsedOnceByTheSwitchThatItAllows(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		want(t, w.run(a), contract.DecidedGated, fault.SupervisorRequired)
		r := w.Run(t.Context(), w.granted(a, "1"), false)
		want(t, r, contract.DecidedSucceeded, "")
		if r.Receipt.Grant == nil || r.Receipt.Grant.Signer != "alice" {
			t.Errorf("%+v", r.Receipt.Grant)
		}
		want(t, w.Run(t.Context(), w.granted(a, "2"), false), contract.DecidedUnchanged, "")
		r = w.Run(t.Context(), w.granted(b, "1"), false)
		want(t, r, contract.DecidedGated, fault.GrantUsed)
		if r.Mutated || r.Changed || w.switches != 1 || w.pending() != nil || w.runs() != a.String() {
			t.Errorf("mutated %v changed %v switches %d pending %v runs %s", r.Mutated, r.Changed, w.switches, w.pending(), w.runs())
		}
		planned := w.Plan(t.Context(), w.granted(b, "2"))
		want(t, planned, contract.DecidedReady, "")
		if g := planned.Contract.Grant; g == nil || g.Signer != "alice" {
			t.Errorf("a plan with a grant does not name its signer: %+v", g)
		}
		w.FailStage(errBoom)
		want(t, w.Run(t.Context(), w.granted(b, "2"), false), contract.DecidedFailed, fault.Internal)
		if diff := cmp.Diff([]string{"1"}, w.grants.nonces); diff != "" {
			t.Errorf("used up by what switched nothing: %s", diff)
		}
	})
}

func TestAShutGateIsToldBeforeTheHostIsAsked(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		w.away = func(call string) bool {
			t.Errorf("the host is asked: %s", call)
			return false
		}
		want(t, w.run(a), contract.DecidedGated, fault.SupervisorRequired)
	})
}

func TestAUsedGrantIsRefusedBeforeAnythingIsStaged(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		want(t, w.Run(t.Context(), w.granted(a, "1"), false), contract.DecidedSucceeded, "")
		staged := len(w.staged)
		for name, r := range map[string]contract.Result{
			"plan":             w.Plan(t.Context(), w.granted(b, "1")),
			"apply":            w.Apply(t.Context(), w.granted(b, "1"), false),
			"run":              w.Run(t.Context(), w.granted(b, "1"), false),
			"force, live":      w.Run(t.Context(), w.granted(a, "1"), true),
			"apply, live":      w.Apply(t.Context(), w.granted(a, "1"), true),
			"at the last step": w.beaten(t, w.granted(b, "1")),
		} {
			want(t, r, contract.DecidedGated, fault.GrantUsed)
			if r.Scope != nil || r.Mutated || !strings.HasSuffix(r.Failure.Next.String(), " --dry-run") || !strings.Contains(r.Running.Text, a.String()) {
				t.Errorf("%s: scope %+v, mutated %v, next %q, running %s", name, r.Scope, r.Mutated, r.Failure.Next, r.Running.Text)
			}
			if name == "at the last step" {
				staged++
			}
		}
		if len(w.staged) != staged || w.switches != 1 {
			t.Errorf("staged %d times, want %d; switched %d times", len(w.staged), staged, w.switches)
		}
	})
}

// unseen are grants whose use is noticed only when they are used up.
type unseen struct{ *used }

func (unseen) Used(grant.Grant) error { return nil }

// beaten is a run whose grant another run has used by the time of the switch.
func (w *world) beaten(t *testing.T, c contract.Contract) contract.Result {
	w.Grants = unseen{w.grants}
	defer func() { w.Grants = w.grants }()
	return w.Run(t.Context(), c, false)
}

// The run that used the grant was killed when its host had kept the change and its
// books were open: the same command closes them.
func TestTheBooksAreClosedByTheGrantThatOpenedThem(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		want(t, w.Run(t.Context(), w.granted(a, "1"), false), contract.DecidedSucceeded, "")
		w.Ledger = ledger.Open(t.TempDir())
		want(t, w.Plan(t.Context(), w.granted(a, "1")), contract.DecidedReady, "")
		want(t, w.Run(t.Context(), w.granted(a, "1"), false), contract.DecidedUnchanged, "")
	})
}

func TestGoingOnWithAChangeUsesNoGrant(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		want(t, w.Run(t.Context(), w.granted(a, "1"), false), contract.DecidedSucceeded, "")
		w.killed(b)
		want(t, w.run(b), contract.DecidedGated, fault.SupervisorRequired)
		want(t, w.Run(t.Context(), w.granted(b, "1"), false), contract.DecidedSucceeded, "")
		w.killed(a)
		want(t, w.Run(t.Context(), w.granted(a, "1"), true), contract.DecidedSucceeded, "")
		if !slices.Equal(w.grants.nonces, []string{"1"}) {
			t.Errorf("used: %q", w.grants.nonces)
		}
	})
}

func TestOnlyAGateThatAGrantOpensWantsOne(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for service, wants := range map[string]bool{"code-queue-mgr": true, "k3sctl-adapter": false, "met-nonlinear": false, "frontend": false, "backend-core": false} {
		promise, err := contract.NewContract(c, contract.Request{Service: service, Commit: a.String()})
		if err != nil || promise.WantsGrant() != wants {
			t.Errorf("%s: %v, %v", service, promise.WantsGrant(), err)
		}
		if promise.Granted(grant.Grant{}).WantsGrant() {
			t.Errorf("%s wants one more", service)
		}
	}
}
