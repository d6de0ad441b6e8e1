package deploy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
)

// A run that waited goes by what is there then, and not by what its guardrail has seen.
func TestARunThatWaitedLooksAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		told, begun := 0, false
		w.Emit = func(l journal.Line) {
			if strings.Contains(l.Text, "waiting for the lock") && strings.Contains(l.Text, "alice, since noon") {
				told++
			}
			if begun || !strings.HasSuffix(l.Text, "goes live") {
				return
			}
			begun = true
			unlock, err := w.Ledger.Lock(artifact.Prod, w.service, "alice, since noon")
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(5*time.Minute, func() {
				delete(w.images, b)
				unlock()
			})
		}
		all := contract.Candidates(w.Catalog, artifact.Prod, map[string]string{w.service: b.String()}, contract.Request{Entry: contract.ByDeployApply})
		r := w.deployer().Heeding(false, 15*time.Minute).ApplyAll(t.Context(), artifact.Prod, all, false)
		want(t, *r.Services[0].Result, contract.DecidedBlocked, fault.ArtifactNotFound)
		if told != 5 { // after a second, and each minute
			t.Errorf("reported %d times", told)
		}
	})
}

// Each command that takes the lock waits, and is refused as ever once its time is over.
func TestAWaitThatIsOverIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.killed(b)
		unlock, err := w.Ledger.Lock(artifact.Prod, w.service, "alice, since noon")
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		d := w.deployer().Heeding(false, 2*time.Minute)
		for name, do := range map[string]func(){
			"run":   func() { want(t, d.Run(t.Context(), w.contract(a), false), contract.DecidedBlocked, fault.Locked) },
			"apply": func() { want(t, d.Apply(t.Context(), w.contract(a), false), contract.DecidedBlocked, fault.Locked) },
			"recover": func() {
				if done, err := d.Recover(t.Context()); err != nil || len(done) != 1 || done[0].Action != contract.Busy {
					t.Errorf("%+v, %v", done, err)
				}
			},
		} {
			if began := time.Now(); true {
				do()
				if waited := time.Since(began); waited < 2*time.Minute {
					t.Errorf("%s waited %s", name, waited)
				}
			}
		}
	})
}
