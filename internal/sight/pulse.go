package sight

import (
	"sync"
	"time"
)

const (
	// beat is how often a pulse looks at the clock, gap is what between two looks means
	// that this process did not run: it was stopped, or its machine slept.
	beat = time.Second
	gap  = 10 * time.Second
)

// pulse measures for how long this process did not run. Nothing was seen meanwhile, so
// that time is none of a wait's.
type pulse struct {
	mu   sync.Mutex
	last time.Time
	lost time.Duration
}

// newPulse returns a pulse that beats until stop is called.
func newPulse() (p *pulse, stop func()) {
	p = &pulse{last: time.Now()}
	beats, over, ended := time.NewTicker(beat), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-beats.C:
				p.away()
			case <-over:
				return
			}
		}
	}()
	return p, func() {
		beats.Stop()
		close(over)
		<-ended
	}
}

// away returns the time since the pulse began in which this process did not run.
func (p *pulse) away() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.see(time.Now())
}

func (p *pulse) see(now time.Time) time.Duration {
	if since := now.Sub(p.last); since > gap {
		p.lost += since
	}
	p.last = now
	return p.lost
}
