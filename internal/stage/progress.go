package stage

import (
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// progress passes events on, one at a time and of bytes not more than people see.
type progress struct {
	emit func(workload.Event)

	mu          sync.Mutex
	done, total int64
	last        time.Time
}

// often is how far apart two events of PointTransfer are.
const often = 100 * time.Millisecond

func newProgress(emit func(workload.Event)) *progress { return &progress{emit: emit} }

// expect sets what is left to come.
func (p *progress) expect(ranges []layers.Range) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = p.done
	for _, r := range ranges {
		p.total += r.Size()
	}
}

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += int64(n)
	if now := time.Now(); p.done == p.total || now.Sub(p.last) >= often {
		p.last = now
		p.emit(workload.Event{Point: workload.PointTransfer, Done: p.done, Total: p.total})
	}
}

func (p *progress) say(point workload.Point, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.emit(workload.Event{Point: point, Text: text})
}

// received is how many bytes have crossed.
func (p *progress) received() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}
