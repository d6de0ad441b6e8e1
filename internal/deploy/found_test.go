package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// An env file that its host cannot replace is found before anything is staged.
func TestAnEnvFileThatCannotBeReplacedBlocksADeploy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.images.add(t, b, labels(b))
		seen := w.seen()
		seen.EnvFile = &workload.Obstacle{What: "a file is mounted over it", Fix: "mount its folder"}
		w.beside, w.readOnly = map[string]workload.Observation{w.spec.Ref.Name(): seen}, true
		want(t, w.Plan(t.Context(), w.contract(b)), contract.DecidedBlocked, fault.EnvFileInvalid)
		want(t, w.run(b), contract.DecidedBlocked, fault.EnvFileInvalid)
	})
}

// The plan names the containers that share something of the service's container.
func TestAPlanNamesWhatARecreateTakesAway(t *testing.T) {
	besideOthers(t, func(t *testing.T, w *world) {
		w.Neighbour(workload.Neighbour{
			ID: "3", Name: "sidecar", Scope: "unidesk", Group: "sidecar", Running: true,
			Shares: []workload.Share{{What: "network", With: w.running().ID}},
		})
		p := w.Plan(t.Context(), w.contract(b)).Plan
		i := slices.IndexFunc(p.Checks, func(c proof.Check) bool { return c.Name == "neighbours" })
		if i < 0 || !p.Checks[i].Warning || !strings.Contains(p.Checks[i].Detail, "sidecar shares its network") {
			t.Errorf("%+v", p.Checks)
		}
	})
}

// A change is not reverted while the container that it replaces may still be stopping.
func TestAChangeHasTheTimeThatItsContainerMayTakeToStop(t *testing.T) {
	const grace = 8 * time.Minute
	left := map[time.Duration]time.Duration{}
	for _, stops := range []time.Duration{0, grace} {
		inWorld(t, func(t *testing.T, w *world) {
			w.live(a)
			w.images.add(t, b, labels(b))
			old := *w.running()
			old.StopGrace = stops
			w.Put(old)
			began := time.Now()
			w.onSwitch = func() { left[stops] = w.pending().Change.Deadline.Sub(began) }
			want(t, w.run(b), contract.DecidedSucceeded, "")
		})
	}
	if left[grace]-left[0] != grace {
		t.Errorf("it has %s, and %s if the container stops at once", left[grace], left[0])
	}
}
