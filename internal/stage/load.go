package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// A load is given up when the engine shows no sign of life for this long and,
	// since containerd's store gives none while it unpacks, as much longer as
	// unpacking at slowest would take.
	minStall = 2 * time.Minute
	slowest  = 2 << 20 // compressed bytes a second

	// grace is what a load that has begun gets once its caller has given up.
	grace = 15 * time.Second
)

// loadError is a load that the engine refused, or that did not make what it should.
type loadError struct {
	cause error
	// inside are the layers that the archive held.
	inside []artifact.Layer
}

func (e *loadError) Error() string { return "load: " + e.cause.Error() }
func (e *loadError) Unwrap() error { return e.cause }

// mendable reports whether the cause may be something that changes by itself: layers
// pruned since they were seen, a blob that rotted.
func (e *loadError) mendable() bool {
	switch fault.ReasonOf(e.cause) {
	case fault.EngineFailed, fault.DigestMismatch:
		return true
	default:
		return false
	}
}

// mend does what can be done before a load is tried once more; the next attempt
// asks anew what the engine has.
func (r *run) mend(e *loadError) error {
	r.probe = false
	r.distrust = r.distrust || r.info.Store == engine.Containerd
	for _, l := range e.inside {
		if r.spool.Has(l.Digest) {
			if err := r.spool.Verify(l.Digest); err != nil {
				return err
			}
		}
		if err := r.spool.Cache.Verify(l.DiffID); err != nil {
			return err
		}
	}
	return nil
}

// explain is the error of a load that the engine refused twice. The engine seldom names
// the layer that it cannot read, so each is read here.
func (r *run) explain(e *loadError) error {
	if !e.mendable() {
		return e.cause
	}
	for _, l := range e.inside {
		if err := r.spool.Readable(l); fault.ReasonOf(err) == fault.ArtifactInvalid {
			return fault.New(fault.ArtifactInvalid, "%w; the engine refused it: %w", err, e.cause).
				WithHint("the registry has it so: build the image of %s again and publish it", r.image.Commit.Short())
		}
	}
	if len(e.inside) == 0 || fault.HintOf(e.cause) != "" {
		return e.cause
	}
	return r.refused(e.cause)
}

// refused is the error of an image that the engine does not take, though its layers are
// sound. An engine that does not answer has refused nothing.
func (r *run) refused(err error) error {
	reason := fault.ReasonOf(err)
	if reason != fault.EngineFailed && reason != fault.DigestMismatch {
		return err
	}
	return fault.New(reason, "the engine refused the image of %s: %w", r.image.Commit.Short(), err).
		WithHint("its layers are sound: build the image again and publish it if those words are about its config (%s); else look at the engine: journalctl -u docker", r.image.Config)
}

// load loads the layers of the range from:to into the engine, which has those before.
func (r *run) load(ctx context.Context, from, to int) error {
	files, err := r.files(ctx, from, to)
	if err != nil {
		return err
	}
	var bytes int64
	for _, f := range files {
		bytes += f.Size
	}
	add := r.progress.loading(bytes)
	for i := range files {
		files[i].Open = counting(files[i].Open, add)
	}
	archive, what := engine.NewPrefix(r.image, to, files...), "prefix"
	if to == len(r.image.Layers) {
		archive, what = engine.NewArchive(r.image, r.tag, files...), "image"
	}
	began := time.Now()
	err = r.loadArchive(ctx, archive, bytes)
	r.moves.spend(&r.moves.spent.Load, time.Since(began))
	if err != nil {
		return &loadError{cause: err, inside: r.image.Layers[from:to]}
	}
	r.progress.say(workload.PointLoad, fmt.Sprintf("%s: layers 1 to %d of %d are in the engine", what, to, len(r.image.Layers)))
	return nil
}

// counting returns open with files that pass the number of bytes of each read to add.
func counting(open func() (io.ReadCloser, error), add func(n int)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		f, err := open()
		if err != nil {
			return nil, err
		}
		return counted{f, add}, nil
	}
}

type counted struct {
	io.ReadCloser
	add func(n int)
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.add(n)
	return n, err
}

// loadArchive loads an archive. A load that has begun may go on for grace after ctx ends.
func (r *run) loadArchive(ctx context.Context, a engine.Archive, bytes int64) error {
	loading, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
	})()
	_, err := r.engine.Load(loading, a, minStall+time.Duration(bytes/slowest)*time.Second)
	return err
}

// files are the layers as the engine can read them, each once.
func (r *run) files(ctx context.Context, from, to int) (files []engine.File, err error) {
	seen := map[artifact.Digest]bool{}
	for _, l := range r.image.Layers[from:to] {
		f, err := r.file(ctx, l)
		if err != nil {
			return nil, err
		}
		if !seen[f.Layer] {
			seen[f.Layer] = true
			files = append(files, f)
		}
	}
	return files, nil
}

// file is the layer's blob, or what it unpacks to if there is no blob or if the engine does
// not read it.
func (r *run) file(ctx context.Context, l artifact.Layer) (engine.File, error) {
	blob := engine.File{Layer: l.Digest, Size: l.Size, Open: func() (io.ReadCloser, error) { return r.spool.Open(l.Digest) }}
	tar := engine.File{Layer: l.DiffID, Unpacked: l.Digest != l.DiffID, Open: func() (io.ReadCloser, error) { return r.spool.Cache.Open(l.DiffID) }}
	if !r.spool.Has(l.Digest) {
		tar.Size, _ = r.spool.Cache.Size(l.DiffID)
		return tar, nil
	}
	if r.info.ReadsZstd() {
		return blob, nil
	}
	zstd, err := r.spool.IsZstd(l.Digest)
	if err != nil || !zstd {
		return blob, err
	}
	_, tar.Size, err = r.spool.Unpack(ctx, l, r.keep)
	return tar, err
}

// check returns the image's id if the engine reports that it has exactly this image, whole.
func (r *run) check(ctx context.Context) (string, error) {
	want := r.info.Store.ID(r.image.Pinned)
	got, err := r.engine.Image(ctx, want)
	if errors.Is(err, engine.ErrNotFound) {
		return "", &loadError{cause: fault.New(fault.DigestMismatch, "engine did not make image %s of it", want)}
	}
	if err != nil {
		return "", r.refused(err) // containerd's store reads a config when the image is asked for
	}
	if !r.same(got) {
		return "", &loadError{cause: fault.New(fault.DigestMismatch, "engine has other layers under image %s", want)}
	}
	if !got.Complete {
		// The name goes, so that nothing runs it.
		err := &loadError{cause: fault.New(fault.EngineFailed, "engine has image %s without all of its content", want)}
		return "", errors.Join(err, r.engine.Untag(ctx, r.tag))
	}
	return got.ID, nil
}

// same reports whether an image of the engine is, by its layers and its id, ours.
func (r *run) same(got engine.Image) bool {
	return got.ID == r.info.Store.ID(r.image.Pinned) && len(got.DiffIDs) == len(r.image.Layers) &&
		got.CommonLayers(diffIDs(r.image)) == len(r.image.Layers)
}
