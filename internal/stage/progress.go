package stage

import (
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// progress passes events on, never two at a time, and events about bytes only now and then.
type progress struct {
	emit func(workload.Event)

	mu   sync.Mutex
	done int64
	rest map[artifact.Digest]int64 // of each blob, as if it came whole
	last time.Time
}

const (
	// often is the time between two events about bytes.
	often = 100 * time.Millisecond
	// short is the time that an engine may work without an event about bytes.
	short = time.Second
)

func newProgress(emit func(workload.Event)) *progress { return &progress{emit: emit} }

// expect sets what is left to come.
func (p *progress) expect(ranges []layers.Range) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = map[artifact.Digest]int64{}
	for _, r := range ranges {
		p.rest[r.Layer.Digest] = r.Size()
	}
}

// add counts a piece: bytes of its blob, or the operations of a delta.
func (p *progress) add(c layers.Piece) {
	n := int64(len(c.Data))
	if c.Delta != nil {
		n = int64(len(c.Delta.Ops))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	p.rest[c.Digest] = max(p.rest[c.Digest]-n, 0)
	p.show()
}

// whole notes that nothing more of the layer is to come.
func (p *progress) whole(l artifact.Layer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rest[l.Digest] > 0 {
		p.rest[l.Digest] = 0
		p.show()
	}
}

// show passes on how far the transfer is, unless it was done just now; p.mu is held.
func (p *progress) show() {
	p.bytes(workload.PointTransfer, p.done, p.done+p.left())
}

// bytes passes on how far something is, unless it was done just now; p.mu is held.
func (p *progress) bytes(point workload.Point, done, total int64) {
	if now := time.Now(); done == total || now.Sub(p.last) >= often {
		p.last = now
		p.emit(workload.Event{Point: point, Done: done, Total: total})
	}
}

// loading returns a function that counts bytes which the engine loads, of total. It passes
// them on if the load is not short, and no transfer goes on beside it.
func (p *progress) loading(total int64) func(n int) {
	began, done := time.Now(), int64(0)
	return func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		done = min(done+int64(n), total)
		if p.left() == 0 && time.Since(began) >= short {
			p.bytes(workload.PointLoad, done, total)
		}
	}
}

// pulled returns a function that passes on how far a pull is, if it is not short. A byte
// counts half when the engine has fetched it, and whole when it has unpacked it.
func (p *progress) pulled() func(engine.Pulled) {
	began := time.Now()
	return func(is engine.Pulled) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if time.Since(began) >= short {
			p.bytes(workload.PointLoad, (is.Fetched+is.Unpacked)/2, is.Total)
		}
	}
}

// left is how many bytes of the transfer are still to come, at the most; p.mu is held.
func (p *progress) left() (n int64) {
	for _, rest := range p.rest {
		n += rest
	}
	return n
}

func (p *progress) say(point workload.Point, text string) {
	p.pass(workload.Event{Point: point, Text: text})
}

func (p *progress) pass(e workload.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.emit(e)
}

func (p *progress) warn(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.emit(workload.Event{Point: workload.PointTransfer, Warning: true, Text: plain.Text(text)})
}

// received is how many bytes have crossed.
func (p *progress) received() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}
