package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/packed"
)

// Registry is what a keeper reads. Errors are faults.
type Registry interface {
	// Repositories returns the names of all repositories.
	Repositories(ctx context.Context) ([]artifact.Repository, error)
	// Commits returns the tags of a repository that are commits.
	Commits(ctx context.Context, repo artifact.Repository) ([]artifact.Commit, error)
	// Built returns a commit's image and when it was built, the zero time for unknown.
	Built(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, time.Time, error)
	// Blob opens a blob. Its reader returns the last bytes only when all were right.
	Blob(ctx context.Context, repo artifact.Repository, d artifact.Digest, size int64) (io.ReadCloser, error)
}

const (
	// beat is the pause between two looks at the registry, which cost it a request for
	// each repository.
	beat = 10 * time.Second
	// breath is the pause before a question about a commit, so that the many of the first
	// start are no load.
	breath = 5 * time.Millisecond
	// anHour is the time to the first retry of an image or a layer that failed.
	anHour = time.Hour
	// maxRest is the longest time until then; it doubles each time.
	maxRest = 24 * time.Hour
	// maxCommits bounds what is remembered of all repositories, some megabytes. A repository
	// beyond it is passed over.
	maxCommits = 20_000
)

// maxWindow bounds what a zstd blob may make the agent hold.
const maxWindow = 8 << 20

// Keeper makes copies of the layers that are published: of the newest releases of each
// repository, one layer at a time.
type Keeper struct {
	store        *Store
	registry     Registry
	repositories []string
	platform     artifact.Platform
	log          *slog.Logger
	// wait waits, and reports whether there is more to do.
	wait func(ctx context.Context, d time.Duration) bool
	now  func() time.Time

	known map[artifact.Repository]map[artifact.Commit]release
	walks int
	rests map[artifact.Digest]rest // by diff id
	// trouble is the last error of the registry, "" if it is there; full that a layer had
	// no room.
	trouble string
	full    bool
}

// rest is when a layer that could not be copied is retried, and how often it was.
type rest struct {
	until time.Time
	tries int
}

// NewKeeper returns a keeper of the layers of the listed repositories: names, or
// beginnings of names that end in a slash.
func NewKeeper(s *Store, r Registry, repositories []string, log *slog.Logger) *Keeper {
	return &Keeper{
		store: s, registry: r, repositories: repositories, log: log,
		platform: artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH},
		wait:     pause, now: time.Now,
		known: map[artifact.Repository]map[artifact.Commit]release{}, rests: map[artifact.Digest]rest{},
	}
}

// pause waits for a while, or until ctx ends; it reports whether it has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// Run keeps copies until ctx ends. What is under way then is cut, and left behind nowhere.
func (k *Keeper) Run(ctx context.Context) {
	for {
		k.round(ctx)
		if !k.wait(ctx, beat) {
			return
		}
	}
}

// round looks at the registry once, and copies what is missing.
func (k *Keeper) round(ctx context.Context) {
	newest, err := k.walk(ctx)
	if err == nil {
		err = k.copyAll(ctx, wanted(newest))
	}
	if ctx.Err() != nil {
		return
	}
	is := ""
	if err != nil {
		is = err.Error()
	}
	switch {
	case is == k.trouble:
	case is == "":
		k.log.Info("the registry can be read again, and layers are copied for deltas")
	case k.trouble == "":
		k.log.Warn("no layers are copied for deltas", slog.Any("err", err))
	}
	k.trouble = is
}

// copyAll copies the layers that have no copy, in their order. A layer makes room for
// itself at the cost of those behind it and of those that nothing wants. Its error is the
// registry's: nothing can be copied now.
func (k *Keeper) copyAll(ctx context.Context, wishes []wish) error {
	place := make(map[artifact.Digest]int, len(wishes))
	for i, w := range wishes {
		place[w.layer.DiffID] = i
	}
	for d := range k.rests {
		if _, ok := place[d]; !ok {
			delete(k.rests, d)
		}
	}
	k.store.Shed()
	full := false
	for i, w := range wishes {
		d := w.layer.DiffID
		if k.store.Has(d) || k.store.Refused(w.layer.Digest) || k.now().Before(k.rests[d].until) {
			continue
		}
		turn := func(other artifact.Digest) int {
			switch n, ok := place[other]; {
			case !ok:
				return math.MaxInt
			case n > i:
				return n
			}
			return 0
		}
		began := k.now()
		err := k.copy(ctx, w, turn)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			delete(k.rests, d)
			k.log.Info("a layer is copied for deltas", slog.String("repository", w.repository.String()), slog.String("layer", d.String()),
				slog.Duration("duration", k.now().Sub(began)))
		case fault.ReasonOf(err) == fault.RegistryUnavailable && fault.Retryable(err):
			return fmt.Errorf("layer %s of %s: %w", w.layer.Digest, w.repository, err)
		case fault.ReasonOf(err) == fault.DiskFull:
			if full = true; !k.full {
				k.log.Warn("no room to copy a layer for deltas", slog.String("layer", d.String()), slog.Any("err", err), slog.String("hint", fault.HintOf(err)))
			}
			k.sleep(d)
		case fault.ReasonOf(err) == fault.Busy:
			return nil // later
		case errors.Is(err, ErrUnfit):
			k.log.Info("a layer gets no copy for deltas", slog.String("repository", w.repository.String()), slog.String("layer", d.String()), slog.Any("err", err))
		default:
			k.log.Warn("a layer is not copied for deltas", slog.String("repository", w.repository.String()), slog.String("layer", d.String()), slog.Any("err", err))
			k.sleep(d)
		}
		if !k.wait(ctx, k.now().Sub(began)) { // half of a core, at the most
			return context.Cause(ctx)
		}
	}
	k.full = full
	return nil
}

// sleep has a layer rest: an hour, and twice as long each time after.
func (k *Keeper) sleep(d artifact.Digest) {
	tries := k.rests[d].tries
	k.rests[d] = rest{k.now().Add(min(anHour<<min(tries, 10), maxRest)), tries + 1}
}

// copy copies a layer. A layer that can have no copy is refused, once its blob is known to
// be right.
func (k *Keeper) copy(ctx context.Context, w wish, turn Turn) error {
	// About the least that a copy has, and more when that was not enough: what does not fit
	// is not read, and costs no other its place.
	if err := k.store.MakeRoom(w.layer.Size/2<<min(k.rests[w.layer.DiffID].tries, 3), turn); err != nil {
		return err
	}
	blob, err := k.registry.Blob(ctx, w.repository, w.layer.Digest, w.layer.Size)
	if err != nil {
		return err
	}
	defer blob.Close()
	content, err := packed.Open(blob, maxWindow)
	if err == nil {
		err = k.store.Add(ctx, w.layer.DiffID, content, turn)
		_ = content.Close()
	}
	if !errors.Is(err, ErrUnfit) {
		return err
	}
	if _, bad := io.Copy(io.Discard, blob); bad != nil {
		return bad
	}
	return cmp.Or(k.store.Refuse(w.layer.Digest), err)
}
