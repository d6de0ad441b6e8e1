// Package stage brings an image into the local engine: it asks what the engine and the
// spool have, streams the rest, and loads each layer while the next is on its way.
// Nothing that runs is touched; what it leaves, also when it is killed at any instant,
// is an image that is whole and checked by identity, or pieces that the next run goes
// on with.
//
// The classic store reads a whole archive to a folder of its own before it unpacks the
// first layer, so a single load at the end would add its whole time to the transfer's.
// Instead the first n layers are loaded as an untagged prefix image as soon as they are
// in the spool; the last load finds them there, and only its own layers are left to do.
// It works on containerd's store too.
//
// A layer may come as a delta of layers that the cache keeps, mostly those of the last
// release. It is rebuilt and verified before the engine sees it. If any of that fails,
// the layer crosses whole.
//
// A single load runs at a time, from local files only, and a load that has begun is not
// interrupted lightly: that can hang the engine's next load (moby/moby#51623).
package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Engine is what staging needs of [engine.Client].
type Engine interface {
	Info(ctx context.Context) (engine.Info, error)
	// Image returns an error wrapping [engine.ErrNotFound] for a missing image.
	Image(ctx context.Context, ref string) (engine.Image, error)
	AllImages(ctx context.Context) ([]engine.Image, error)
	ImagesWithLabel(ctx context.Context, label string) ([]engine.Image, error)
	Load(ctx context.Context, a engine.Archive, stall time.Duration) (engine.Loaded, error)
	Tag(ctx context.Context, id, ref string) error
	Untag(ctx context.Context, ref string) error
	// RemoveImage is no error for a missing image.
	RemoveImage(ctx context.Context, id string) error
}

// Stager stages images for an engine through a spool.
type Stager struct {
	engine Engine
	spool  *layers.Spool
	source layers.Source
}

// New returns a stager.
func New(e Engine, spool *layers.Spool, source layers.Source) *Stager {
	return &Stager{engine: e, spool: spool, source: source}
}

// Staged is what staging did.
type Staged struct {
	ImageID string
	// BytesReceived crossed in this call, however often it began anew.
	BytesReceived int64
	// LayersSent needed bytes to cross, LayersPresent did not.
	LayersSent, LayersPresent int
	// Moves has how each layer of the image came, Spent how the time was spent.
	Moves []workload.Move
	Spent workload.Spent
}

// Whole is how many bytes would have crossed had no layer come as a delta.
func (s Staged) Whole() (bytes int64) {
	for _, m := range s.Moves {
		if m.Way == workload.WayDelta {
			bytes += m.Blob
		} else {
			bytes += m.Wire
		}
	}
	return bytes
}

// transfer returns the account that a receipt keeps.
func (s Staged) transfer() *workload.Transfer {
	return &workload.Transfer{Wire: s.BytesReceived, Whole: s.Whole(), Layers: s.Moves, Seconds: s.Spent}
}

// text returns the end of a sentence about the account, "" if deltas saved nothing.
func (s Staged) text() string {
	if whole := s.Whole(); whole > s.BytesReceived {
		return fmt.Sprintf(": %s transferred, of %s", plain.Size(s.BytesReceived), plain.Size(whole))
	}
	return ""
}

// Stage makes sure that the engine has the image, checked, under tag, for example
// "baidu-netdisk:<commit>". A broken stream is continued for as long as bytes come, and a registry
// or an engine that goes away is waited for; a load that fails because the layers below were
// pruned, or because a blob has rotted on the disk, is tried once more. emit is called from several
// goroutines, never at the same time.
func (s *Stager) Stage(ctx context.Context, image artifact.Image, tag string, emit func(workload.Event)) (Staged, error) {
	p := newProgress(emit)
	unlock, err := s.spool.Lock(ctx, func() {
		p.say(workload.PointTransfer, "waiting for another image to be staged on this host")
	})
	if err != nil {
		return Staged{}, err
	}
	defer unlock()
	info, err := s.engine.Info(ctx)
	if err != nil {
		return Staged{}, err
	}
	if err := capable(info); err != nil {
		return Staged{}, err
	}
	r := &run{
		Stager: s, image: image, tag: tag, info: info, progress: p, probe: info.Store == engine.Classic,
		moves: newMoves(), whole: map[artifact.Digest]string{},
	}
	r.keeper = newKeeper(ctx, s.spool, len(image.Layers), r.unread, func(took time.Duration) { r.moves.spend(&r.moves.spent.Unpack, took) })
	id, err := r.untilDone(ctx)
	if err != nil {
		r.keeper.abandon()
		return r.staged(id), err
	}
	r.keeper.finish()
	staged := r.staged(id)
	p.pass(workload.Event{Point: workload.PointStaged, Text: fmt.Sprintf("%s is %s%s", tag, workload.ShortID(id), staged.text()), Transfer: staged.transfer()})
	r.tidy(ctx)
	return staged, nil
}

// staged is the account of the run.
func (r *run) staged(id string) Staged {
	s := Staged{ImageID: id, Spent: r.moves.times()}
	s.Moves, s.BytesReceived = r.moves.list(r.image)
	for _, m := range s.Moves {
		if m.Wire > 0 {
			s.LayersSent++
		} else {
			s.LayersPresent++
		}
	}
	return s
}

// untilDone tries until the image is there or a retry is of no use.
func (r *run) untilDone(ctx context.Context) (string, error) {
	repaired, wait := false, newWaiting(r.progress.say)
	for {
		before := r.progress.received()
		id, err := r.attempt(ctx)
		if err == nil {
			return id, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		came := r.progress.received() > before
		if came {
			wait.came()
		}
		if r.fallBack(ctx, err, came) {
			continue
		}
		load := (*loadError)(nil)
		if errors.As(err, &load) && !fault.Retryable(load.cause) {
			if repaired || !load.mendable() {
				return "", r.explain(load)
			}
			repaired = true
			if err := r.mend(load); err != nil {
				return "", err
			}
			continue
		}
		if err := wait.after(ctx, err); err != nil {
			return "", err
		}
	}
}

// capable refuses an engine that cannot report whether an image is whole.
func capable(i engine.Info) error {
	if i.TellsComplete() {
		return nil
	}
	return fault.New(fault.CapabilityMissing,
		"engine %s with containerd's image store speaks API %s; 1.48 is needed to see whether an image is complete", i.Version, i.APIVersion).
		WithHint("upgrade to Docker Engine 28 or later, or turn the containerd image store off")
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
