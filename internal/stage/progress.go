package stage

import (
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// progress passes events on, never two at a time, and of bytes not more than people see.
type progress struct {
	emit func(workload.Event)

	mu   sync.Mutex
	done int64
	rest map[artifact.Digest]int64 // of each blob, as if it came whole
	last time.Time
}

// often is how far apart two events of PointTransfer are.
const often = 100 * time.Millisecond

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
	total := p.done
	for _, n := range p.rest {
		total += n
	}
	if now := time.Now(); p.done == total || now.Sub(p.last) >= often {
		p.last = now
		p.emit(workload.Event{Point: workload.PointTransfer, Done: p.done, Total: total})
	}
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
