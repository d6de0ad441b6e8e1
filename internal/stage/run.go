package stage

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// run is the staging of an image.
type run struct {
	*Stager
	image    artifact.Image
	tag      string
	info     engine.Info
	progress *progress
	// probe is true if the engine may be asked by an archive without layers.
	probe bool
	// distrust is true if the engine had less than it seemed to: send everything.
	distrust bool
	moves    *moves
	keeper   *keeper

	// whole are the layers that are asked for whole, and why; noDelta means that all are.
	whole   map[artifact.Digest]string
	noDelta bool
	// asked means that the attempt asks for deltas, of bases; silent counts those that
	// brought nothing.
	asked  bool
	bases  []artifact.Digest
	silent int

	// The two sides of an attempt meet here.
	mu   sync.Mutex
	turn *sync.Cond
	// ready is how many leading layers are in the engine or whole in the spool,
	// loaded how many are in the engine.
	ready, loaded int
	// starved is true if the receiver waits for room: load even little.
	starved bool
	// over is true if nothing more will be received.
	over bool
}

// minPrefix is how many bytes a prefix image is worth: its load costs the engine 0.1 s
// whatever is in it (measured, 20.10), in which a load of the last layers may have to
// wait.
const minPrefix = 8 << 20

// attempt tries once to stage the image: it asks what is there, fills in the rest and checks.
func (r *run) attempt(ctx context.Context) (id string, err error) {
	if id, ok, err := r.present(ctx); ok || err != nil {
		return id, err
	}
	have, done, err := r.prefix(ctx)
	if err != nil {
		return "", err
	}
	if !done {
		if err := r.fill(ctx, have); err != nil {
			return "", err
		}
	}
	return r.check(ctx)
}

// fill brings the layers after the first have into the engine.
func (r *run) fill(ctx context.Context, have int) error {
	r.begin(have)
	missing, bases := r.missing(have)
	r.progress.expect(missing)
	for _, l := range r.image.Layers[have:] {
		r.offer(l)
	}
	held := r.spool.Cache.Hold(bases)
	defer held.Close()
	r.bases, r.asked = held.IDs(), len(held.IDs()) > 0

	// A broken stream must not interrupt a load, so it does not cancel the group;
	// a failed load does end the stream.
	streaming, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var received error
	var g errgroup.Group
	g.Go(func() error {
		received = r.receive(streaming, missing, held)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		r.turn.Broadcast()
		return nil
	})
	g.Go(func() error {
		err := r.loadAll(ctx)
		if err != nil {
			stop(err)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // the last load was let come to its end
	}
	return received
}

// begin starts an attempt at the layers after the first have.
func (r *run) begin(have int) {
	r.mu.Lock() // the keeper of an earlier attempt reads loaded
	defer r.mu.Unlock()
	r.turn = sync.NewCond(&r.mu)
	r.ready, r.loaded, r.starved, r.over = have, have, false, false
	r.advance()
}

func (r *run) receive(ctx context.Context, missing []layers.Range, bases *layers.Bases) error {
	began, busy := time.Now(), time.Duration(0)
	defer func() { r.moves.spend(&r.moves.spent.Receive, time.Since(began)-busy) }()
	return layers.Receive(ctx, r.spool, r.source, r.image.Repository, missing, bases, layers.Hooks{
		Room:          func(ctx context.Context, _ artifact.Layer, need int64) error { return r.room(ctx, need) },
		RoomToRebuild: r.roomToRebuild,
		Received: func(p layers.Piece, took time.Duration) {
			busy += took
			r.moves.came(p, took)
			r.progress.add(p)
		},
		Whole: func(l artifact.Layer) {
			r.progress.whole(l)
			// Emitted before it is loaded, so that events come in their order.
			r.progress.say(workload.PointLayer, fmt.Sprintf("layer %s received and verified", workload.ShortID(l.Digest.String())))
			r.offer(l)
			r.mu.Lock()
			r.advance()
			r.turn.Broadcast()
			r.mu.Unlock()
		},
	})
}

// room waits until need bytes fit the spool, for as long as loads may still free room.
func (r *run) room(ctx context.Context, need int64) error {
	for {
		err := r.spool.MakeRoom(need, r.keep)
		if err == nil || fault.ReasonOf(err) != fault.DiskFull {
			return err
		}
		r.mu.Lock()
		loaded := r.loaded
		if r.ready == loaded {
			r.mu.Unlock()
			return err
		}
		r.starved = true
		r.turn.Broadcast()
		r.mu.Unlock()
		if err := r.await(ctx, func() bool { return r.loaded > loaded }); err != nil {
			return err
		}
	}
}

// keep names the blobs and the tars that the engine has yet to read, and the bases in use.
func (r *run) keep(d artifact.Digest) bool {
	return r.unread(d) || slices.Contains(r.bases, d)
}

// unread names the blobs and the tars that the engine has yet to read.
func (r *run) unread(d artifact.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.image.Layers[r.loaded:], func(l artifact.Layer) bool { return l.Digest == d || l.DiffID == d })
}

// loadAll loads whatever is ready until the image is whole or nothing more comes.
func (r *run) loadAll(ctx context.Context) error {
	for n := len(r.image.Layers); ; {
		var from, to int
		err := r.await(ctx, func() bool {
			from, to = r.loaded, r.ready
			return to == n || r.over || to > from && (r.starved || size(r.image.Layers[from:to]) >= minPrefix)
		})
		if err != nil {
			return err
		}
		// What is ready when a stream breaks stays in the spool for the next attempt.
		if to < n && r.isOver() {
			return nil
		}
		if err := r.load(ctx, from, to); err != nil {
			return err
		}
		r.mu.Lock()
		r.loaded, r.starved = to, false
		r.turn.Broadcast()
		r.mu.Unlock()
		if to == n {
			return nil
		}
	}
}

func (r *run) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// advance counts the leading layers that are here; r.mu is held.
func (r *run) advance() {
	for r.ready < len(r.image.Layers) && r.here(r.image.Layers[r.ready]) {
		r.ready++
	}
}

// await blocks until ok, which is called with r.mu held.
func (r *run) await(ctx context.Context, ok func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.turn.Broadcast()
	})
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.turn.Wait()
	}
	return nil
}

func size(list []artifact.Layer) (n int64) {
	for _, l := range list {
		n += l.Size
	}
	return n
}
