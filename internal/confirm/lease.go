package confirm

import (
	"context"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Lease is how long a host that outlives the runs of its callers believes that a
// run lives, since the run's last renewal.
const Lease = 30 * time.Second

// leases remember which runs live. They are in memory: when a host has just begun,
// a run gets a whole lease to renew.
type leases struct {
	mu      sync.Mutex
	began   time.Time
	renewed map[string]time.Time
	// switching counts the switches under way, by change: as long as a switch lasts, it renews.
	switching map[string]int
}

func newLeases() *leases {
	return &leases{began: time.Now(), renewed: map[string]time.Time{}, switching: map[string]int{}}
}

// renew begins the lease of a change anew.
func (l *leases) renew(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed[id] = time.Now()
}

// hold renews the lease until the function that it returns is called.
func (l *leases) hold(id string) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.switching[id]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.renewed[id] = time.Now()
		if l.switching[id]--; l.switching[id] == 0 {
			delete(l.switching, id)
		}
	}
}

// end forgets a change that has ended.
func (l *leases) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.renewed, id)
}

// until returns when the lease of a change ends.
func (l *leases) until(id string, span time.Duration) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := l.began
	if at, ok := l.renewed[id]; ok {
		last = at
	}
	if l.switching[id] > 0 {
		last = time.Now()
	}
	return last.Add(span).UTC().Round(0)
}

// Renew implements [workload.Target].
func (t *Target[S]) Renew(_ context.Context, ref workload.Ref, changeID string) error {
	if err := check(ref); err != nil {
		return err
	}
	r, _, err := t.store.load(ref)
	if err != nil {
		return err
	}
	if r == nil || r.Change.ID != changeID {
		return fault.New(fault.ChangeNotFound, "%s has no unconfirmed change %s", ref, changeID)
	}
	t.leases.renew(changeID)
	return nil
}
