package deploy_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
)

// behindTheGate runs a story of code-queue-mgr.
func behindTheGate(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := catalog.Builtin()
		if err != nil {
			t.Fatal(err)
		}
		w := worldOf(t, c, "code-queue-mgr", catalog.Prod)
		w.service = "code-queue-mgr"
		w.images.add(t, a, w.labels(a))
		w.images.add(t, b, w.labels(b))
		story(t, w)
	})
}

func (w *world) granted(commit artifact.Commit, nonce string) deploy.Contract {
	c := w.contract(commit)
	return c.Granted(grant.Grant{
		Statement: grant.Statement{Deploy: grant.Deploy{Service: c.Service, Env: string(c.Env), Commit: c.Commit}, Nonce: nonce}, Signer: "alice",
	})
}

func TestAGrantIsUsedOnceByTheSwitchThatItAllows(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		want(t, w.run(a), deploy.DecidedGated, fault.SupervisorRequired)
		r := w.Run(t.Context(), w.granted(a, "1"), false)
		want(t, r, deploy.DecidedSucceeded, "")
		if r.Receipt.Grant == nil || r.Receipt.Grant.Signer != "alice" {
			t.Errorf("%+v", r.Receipt.Grant)
		}
		want(t, w.Run(t.Context(), w.granted(a, "2"), false), deploy.DecidedUnchanged, "")
		r = w.Run(t.Context(), w.granted(b, "1"), false)
		want(t, r, deploy.DecidedGated, fault.GrantUsed)
		if r.Mutated || r.Changed || w.switches != 1 || w.pending != nil || w.runs() != a.String() {
			t.Errorf("mutated %v changed %v switches %d pending %v runs %s", r.Mutated, r.Changed, w.switches, w.pending, w.runs())
		}
		want(t, w.Plan(t.Context(), w.granted(b, "2")), deploy.DecidedReady, "")
		w.failStage = errBoom
		want(t, w.Run(t.Context(), w.granted(b, "2"), false), deploy.DecidedFailed, fault.Internal)
		if diff := cmp.Diff([]string{"1"}, w.used); diff != "" {
			t.Errorf("used up by what switched nothing: %s", diff)
		}
	})
}

func TestGoingOnWithAChangeUsesNoGrant(t *testing.T) {
	behindTheGate(t, func(t *testing.T, w *world) {
		want(t, w.Run(t.Context(), w.granted(a, "1"), false), deploy.DecidedSucceeded, "")
		w.killed(b)
		want(t, w.run(b), deploy.DecidedGated, fault.SupervisorRequired)
		want(t, w.Run(t.Context(), w.granted(b, "1"), false), deploy.DecidedSucceeded, "")
		if !slices.Equal(w.used, []string{"1"}) {
			t.Errorf("used: %q", w.used)
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
		contract, err := deploy.NewContract(c, deploy.Request{Service: service, Commit: a.String()})
		if err != nil || contract.WantsGrant() != wants {
			t.Errorf("%s: %v, %v", service, contract.WantsGrant(), err)
		}
		if contract.Granted(grant.Grant{}).WantsGrant() {
			t.Errorf("%s wants one more", service)
		}
	}
}
