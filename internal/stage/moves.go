package stage

import (
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// moves counts what crosses, by layer.
type moves struct {
	mu    sync.Mutex
	of    map[artifact.Digest]*workload.Move
	spent workload.Spent
}

func newMoves() *moves { return &moves{of: map[artifact.Digest]*workload.Move{}} }

// ask notes how a layer is asked for, before it crosses.
func (m *moves) ask(l artifact.Layer, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[l.Digest] == nil {
		m.of[l.Digest] = &workload.Move{Layer: l.Digest, Way: workload.WayKept, Blob: l.Size}
	}
	m.of[l.Digest].Why = why
}

// came counts a piece, and the time that it took to write or apply it.
func (m *moves) came(p layers.Piece, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent.Rebuild += took.Seconds()
	move := m.of[p.Digest]
	if move == nil {
		return // of no layer that was asked for, so it was refused
	}
	move.Wire += int64(p.Wire)
	switch {
	case p.Delta != nil:
		move.Way, move.Why = workload.WayDelta, ""
	case move.Way != workload.WayWhole:
		move.Way = workload.WayWhole
		if move.Why == "" {
			move.Why = "the agent sends it whole"
		}
	}
}

// plan sets how the ranges would cross: as the source plans it, and whole if it has no plan.
func (m *moves) plan(ranges []layers.Range, plans []layers.Plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range ranges {
		move := m.of[r.Layer.Digest]
		move.Way, move.Wire = workload.WayWhole, r.Size()
		for _, p := range plans {
			if p.Digest != r.Layer.Digest {
				continue
			}
			if move.Wire = max(p.Wire, 0); p.Delta {
				move.Way = workload.WayDelta
			} else if move.Why == "" {
				move.Why = p.Why
			}
		}
	}
}

func (m *moves) spend(on *float64, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*on += took.Seconds()
}

func (m *moves) times() workload.Spent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spent
}

// list returns a move for each layer of the image, and the bytes that crossed.
func (m *moves) list(image artifact.Image) (all []workload.Move, wire int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counted := map[artifact.Digest]bool{}
	for _, l := range image.Layers {
		move := workload.Move{Layer: l.Digest, Way: workload.WayPresent, Blob: l.Size}
		if m.of[l.Digest] != nil && !counted[l.Digest] {
			move = *m.of[l.Digest]
			counted[l.Digest] = true
		}
		wire += move.Wire
		all = append(all, move)
	}
	return all, wire
}
