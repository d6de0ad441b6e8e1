package sight_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// leasing is a host whose clock is an hour behind, with a change whose lease is so long.
type leasing struct {
	workload.Target
	lease time.Duration
}

func (h leasing) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	there := time.Now().Add(-time.Hour)
	return workload.Observation{At: there, Pending: &workload.Pending{HeldUntil: there.Add(h.lease)}}, nil
}

// A lease ends by the clock of its host, and goes on to run out after the look.
func TestALeaseIsOfItsHostsClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for lease, want := range map[time.Duration]bool{time.Minute: true, -time.Second: false} {
			seen, err := sight.Workload{HostName: "D601", Host: leasing{lease: lease}}.Look(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			if seen.Leased() != want {
				t.Errorf("a lease of %s: %t, want %t", lease, seen.Leased(), want)
			}
			time.Sleep(2 * time.Minute)
			if seen.Leased() {
				t.Errorf("a lease of %s holds two minutes later", lease)
			}
		}
	})
	if (sight.View{}).Leased() {
		t.Error("a host without a change has a lease")
	}
}
