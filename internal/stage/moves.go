package stage

import (
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// Way is how a layer comes to the engine.
type Way string

const (
	// Present layers are in the engine.
	Present Way = "present"
	// Kept layers are in the spool or in the cache.
	Kept Way = "kept"
	// Whole layers cross as the registry stores them.
	Whole Way = "whole"
	// Delta layers are made of others, and of what crosses.
	Delta Way = "delta"
)

// Move is how a layer of an image comes to the engine.
type Move struct {
	Layer artifact.Digest
	Way   Way
	// Wire is how many bytes cross for it, Blob how many its blob has.
	Wire, Blob int64
	// Why is the reason for the way, for people; "" if it needs none.
	Why string
}

// Spent is the time that the steps of staging take. They overlap.
type Spent struct {
	// Receive is the time that the stream waits for bytes, Rebuild that it writes and
	// applies them, Unpack that of layers for later deltas, and Load the engine's.
	Receive, Rebuild, Unpack, Load time.Duration
}

// moves counts what crosses, by layer.
type moves struct {
	mu    sync.Mutex
	of    map[artifact.Digest]*Move
	spent Spent
}

func newMoves() *moves { return &moves{of: map[artifact.Digest]*Move{}} }

// ask notes how a layer is asked for, before it crosses.
func (m *moves) ask(l artifact.Layer, why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of[l.Digest] == nil {
		m.of[l.Digest] = &Move{Layer: l.Digest, Way: Kept, Blob: l.Size}
	}
	m.of[l.Digest].Why = why
}

// came counts a piece.
func (m *moves) came(p layers.Piece, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent.Rebuild += took
	move := m.of[p.Digest]
	if move == nil {
		return // of no layer that was asked for, so it was refused
	}
	move.Wire += int64(p.Wire)
	switch {
	case p.Delta != nil:
		move.Way, move.Why = Delta, ""
	case move.Way != Whole:
		move.Way = Whole
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
		move.Way, move.Wire = Whole, r.Size()
		for _, p := range plans {
			if p.Digest != r.Layer.Digest {
				continue
			}
			if move.Wire = max(p.Wire, 0); p.Delta {
				move.Way = Delta
			} else if move.Why == "" {
				move.Why = p.Why
			}
		}
	}
}

func (m *moves) spend(on *time.Duration, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*on += took
}

func (m *moves) times() Spent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spent
}

// list returns a move for each layer of the image, and the bytes that crossed.
func (m *moves) list(image artifact.Image) (all []Move, wire int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counted := map[artifact.Digest]bool{}
	for _, l := range image.Layers {
		move := Move{Layer: l.Digest, Way: Present, Blob: l.Size}
		if m.of[l.Digest] != nil && !counted[l.Digest] {
			move = *m.of[l.Digest]
			counted[l.Digest] = true
		}
		wire += move.Wire
		all = append(all, move)
	}
	return all, wire
}
