package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// PullEngine is what pulling needs of [engine.Client].
type PullEngine interface {
	Info(ctx context.Context) (engine.Info, error)
	// Image returns an error wrapping [engine.ErrNotFound] for a missing image.
	Image(ctx context.Context, ref string) (engine.Image, error)
	// Pull fetches by a full reference, within a limit on silence.
	Pull(ctx context.Context, ref string, stall time.Duration, report func(engine.Pulled)) error
	Tag(ctx context.Context, id, ref string) error
	// Untag is no error for a name that does not exist.
	Untag(ctx context.Context, ref string) error
}

// pullStall is longer than the largest layer takes from a disk to a disk: the engine
// reports progress all the while but when it unpacks a layer.
const pullStall = 10 * time.Minute

// Puller stages images on the host that has the registry: its engine pulls them, by
// digest only. The controller resolved the commit's tag once, before the deploy; it does
// not matter here if the tag names another image by now.
type Puller struct {
	engine   PullEngine
	registry string
	ping     func(context.Context) error
}

// NewPuller returns a puller from the registry at host:port, as the engine reaches
// it. An engine speaks plain HTTP to loopback addresses by itself. ping asks
// whether the registry answers: an engine does not report why it cannot have an image in
// words that a program may go by.
func NewPuller(e PullEngine, registry string, ping func(context.Context) error) *Puller {
	return &Puller{engine: e, registry: registry, ping: ping}
}

// Stage makes sure that the engine has the image, checked, under tag, for example
// "findjob:<commit>". A registry or an engine that goes away in the middle is waited for.
func (p *Puller) Stage(ctx context.Context, image artifact.Pinned, tag string, emit func(workload.Event)) error {
	shown := newProgress(emit)
	wait, again := newWaiting(shown.say), false
	for {
		err := p.attempt(ctx, image, tag, shown)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if fault.ReasonOf(err) == fault.ImageUnavailable && !again {
			again = true // the registry answers now, and perhaps did not just before
			continue
		}
		again = again && !fault.Retryable(err)
		if err := wait.after(ctx, err); err != nil {
			return err
		}
	}
}

// attempt makes sure that the engine has the image, checked, under tag, for example
// "findjob:<commit>". The engine checks every byte that it gets against the digests.
func (p *Puller) attempt(ctx context.Context, image artifact.Pinned, tag string, shown *progress) error {
	info, err := p.engine.Info(ctx)
	if err != nil {
		return err
	}
	if err := capable(info); err != nil {
		return err
	}
	ref := p.registry + "/" + image.Repository.String() + "@" + image.Manifest.String()
	got, err := whole(ctx, p.engine, info.Store, image)
	if errors.Is(err, engine.ErrNotFound) {
		if err := room(info, image); err != nil {
			return err
		}
		shown.say(workload.PointLoad, "the engine pulls "+ref)
		if err := p.engine.Pull(ctx, ref, pullStall, shown.pulled()); err != nil {
			return p.explain(ctx, err)
		}
		if got, err = whole(ctx, p.engine, info.Store, image); errors.Is(err, engine.ErrNotFound) {
			err = errors.Join(fault.New(fault.DigestMismatch, "%s has another config than %s", ref, image.Config), p.engine.Untag(ctx, ref))
		}
	}
	if err == nil {
		err = p.engine.Tag(ctx, got.ID, tag)
	}
	if err == nil {
		// The tag keeps it from now on. This name would keep it too, for ever: nothing
		// retires an image by the registry's name for it.
		err = p.engine.Untag(ctx, ref)
	}
	if err != nil {
		return err
	}
	shown.say(workload.PointStaged, fmt.Sprintf("%s is %s", tag, workload.ShortID(got.ID)))
	return nil
}

// whole returns the image if the engine has all of its content; ErrNotFound if any of it
// is missing.
func whole(ctx context.Context, e interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
}, store engine.Store, image artifact.Pinned,
) (engine.Image, error) {
	got, err := e.Image(ctx, store.ID(image))
	if err == nil && !got.Whole(store, image) {
		err = fault.New(fault.EngineFailed, "image %s is not whole: %w", store.ID(image), engine.ErrNotFound)
	}
	return got, err
}

// room refuses an image that the engine's disk cannot take, as if it shared no layer
// with another: a pull that fills the disk would stop what runs there, too.
func room(info engine.Info, image artifact.Pinned) error {
	free, err := info.Free()
	if need := workload.Room(image.Bytes); err == nil && free < need {
		err = fault.New(fault.DiskFull, "the disk of the engine needs %d bytes for %s and has %d free", need, image.Commit.Short(), free).
			WithHint("free space on %s there: `docker image prune` removes unused layers", info.RootDir)
	}
	return err
}

// explain adds what to do here about an image that cannot be had.
func (p *Puller) explain(ctx context.Context, err error) error {
	if fault.ReasonOf(err) != fault.ImageUnavailable {
		return err
	}
	if away := p.ping(ctx); away != nil {
		return away
	}
	return fault.New(fault.ImageUnavailable, "%w", err).
		WithHint("see whether the registry on %s answers and still has it", p.registry).WithAction(fault.RegistryHealth)
}
