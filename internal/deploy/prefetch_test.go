package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
)

// prefetch is what the command does.
func (w *world) prefetch(t *testing.T, req contract.Request) contract.Result {
	t.Helper()
	req.Entry = contract.ByPrefetch
	c, err := contract.NewContract(w.Catalog, req)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Gate.Passable() {
		return contract.Gated(c)
	}
	return w.deployer().Prefetch(t.Context(), c)
}

func TestAPrefetchStagesAndTouchesNothingThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.live(a)
		w.switches = 0
		w.images.add(t, b, labels(b))
		r := w.prefetch(t, contract.Request{Service: w.service, Commit: b.String()})
		want(t, r, contract.DecidedStaged, "")
		if !r.OK || r.Mutated || r.Changed || w.switches > 0 || w.runs() != a.String() {
			t.Errorf("%+v, %d switches, %s runs", r, w.switches, w.runs())
		}
		if n := len(w.staged); n != 2 || w.staged[1] != r.Plan.Manifest {
			t.Errorf("staged %v, the manifest is %s", w.staged, r.Plan.Manifest)
		}
		if r.Bytes == nil || r.Bytes.Image == 0 || !r.Plan.Next.Complete() || !r.Rollback.IsZero() {
			t.Errorf("%+v, next %q, rollback %q", r.Bytes, r.Plan.Next, r.Rollback)
		}
		if r.Transfer == nil || r.Transfer.Wire != 60 {
			t.Errorf("the transfer is %+v", r.Transfer)
		}
		if got := w.history(); len(got) != 1 {
			t.Errorf("the receipts are %q", got)
		}
		after := w.run(b)
		want(t, after, contract.DecidedSucceeded, "")
		if got := after.Receipt.Transfer; got == nil || got.Whole != 100 {
			t.Errorf("the receipt's transfer is %+v", got)
		}
	})
}

// What is about the image and its way stops it; what is about the switch does not.
func TestWhatStopsAPrefetch(t *testing.T) {
	passes := []string{"secret-missing", "placement-unfit", "locked", "failed-before", "change-of-another", "changed-meanwhile", "stale"}
	for name, arrange := range obstacles() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.live(a)
				w.images.add(t, b, labels(b))
				arrange(t, w)
				r := w.prefetch(t, contract.Request{Service: w.service, Commit: b.String()})
				if r.Failure != nil && slices.Contains([]string{"deploy-service", "apply"}, word(r.Failure.Next, 2)) {
					t.Errorf("the next line deploys: %s", r.Failure.Next)
				}
				if ok := slices.Contains(passes, name); r.OK != ok || (r.Decision == contract.DecidedStaged) != ok || (r.Failure == nil) != ok {
					t.Errorf("%s, want it to pass: %v: %+v", r.Decision, ok, r.Failure)
				}
			})
		})
	}
}

// word is the n-th of a line.
func word(c contract.Command, n int) string {
	if words := strings.Fields(c.String()); n < len(words) {
		return words[n]
	}
	return ""
}

func TestTheGatesOfAPrefetch(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []struct {
		service  string
		env      artifact.Env
		passable bool
	}{
		{"baidu-netdisk", artifact.Prod, true},
		{"backend-core", artifact.Prod, true},    // by deploy apply only
		{"code-queue-mgr", artifact.Prod, true},  // with a grant only
		{"code-queue", artifact.Prod, false},     // unsupported
		{"k3sctl-adapter", artifact.Prod, false}, // never live
	} {
		got, err := contract.NewContract(c, contract.Request{Service: g.service, Env: g.env, Commit: a.String(), Entry: contract.ByPrefetch})
		if err != nil {
			t.Fatal(err)
		}
		if got.Gate.Passable() != g.passable {
			t.Errorf("%s: passable %v, gate %+v", g.service, got.Gate.Passable(), got.Gate)
		}
	}
}
