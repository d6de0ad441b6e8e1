package layers

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/packed"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// IsZstd reports whether a whole blob is compressed with zstd.
func (s *Spool) IsZstd(d artifact.Digest) (bool, error) {
	f, err := s.Open(d)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, packed.Magic)
	n, _ := io.ReadFull(f, head)
	return packed.Of(head[:n]) == packed.Zstd, nil
}

// maxWindow bounds what a zstd blob may make this program hold.
const maxWindow = 32 << 20

// unpackSuffix ends the name of a tar that is being unpacked.
const unpackSuffix = ".unpack"

// Unpack returns the path and size of the tar that a blob unpacks to, after checking that
// it is the layer's. The tar is in the cache. keep is as for [Cache.MakeRoom], which
// decides how large it may become.
func (s *Spool) Unpack(ctx context.Context, l artifact.Layer, keep func(artifact.Digest) bool) (path string, size int64, err error) {
	return s.unpack(ctx, l, keep, s.Cache.MakeRoom)
}

// Keep puts what a blob unpacks to into the cache, if its disk has room to spare beside what
// keep names. A blob that is not compressed moves there and leaves the spool.
func (s *Spool) Keep(ctx context.Context, l artifact.Layer, keep func(artifact.Digest) bool) error {
	if l.Digest == l.DiffID {
		return s.move(l)
	}
	_, _, err := s.unpack(ctx, l, keep, func(need int64, keep func(artifact.Digest) bool) error {
		return s.Cache.modest().makeRoom(need, keep, nil)
	})
	return err
}

// move gives the cache a blob that is the layer's tar.
func (s *Spool) move(l artifact.Layer) error {
	if _, ok := s.Cache.Size(l.DiffID); ok {
		return nil
	}
	if err := s.Cache.make(); err != nil {
		return err
	}
	if err := os.Rename(s.path(l.Digest), s.Cache.path(l.DiffID)); err != nil { // the content is durable
		return s.Cache.broken("move blob to the cache", err)
	}
	return statefile.Sync(s.Cache.dir)
}

func (s *Spool) unpack(ctx context.Context, l artifact.Layer, keep func(artifact.Digest) bool,
	makeRoom func(need int64, keep func(artifact.Digest) bool) error,
) (path string, size int64, err error) {
	c := s.Cache
	c.unpacking.Lock() // a tar is unpacked once, also if a load and Keep want it
	defer c.unpacking.Unlock()
	path = c.path(l.DiffID)
	if size, ok := c.Size(l.DiffID); ok {
		return path, size, nil
	}
	in, err := s.Open(l.Digest)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	content, err := packed.Open(in, maxWindow)
	if err != nil {
		return "", 0, fault.New(fault.DigestMismatch, "unpack %s: %w", l.Digest, err)
	}
	defer content.Close()
	if err := c.make(); err != nil {
		return "", 0, err
	}
	out, err := statefile.Open(path+unpackSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", 0, c.broken("unpack "+l.Digest.String(), err)
	}
	w := &writeback{file: out, hash: sha256.New()}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = statefile.Remove(out.Name())
		}
	}()
	room := func(need int64) error {
		return makeRoom(need, func(d artifact.Digest) bool { return d == l.DiffID || keep(d) })
	}
	for step := int64(32 << 20); ; {
		if err := ctx.Err(); err != nil {
			return "", 0, context.Cause(ctx)
		}
		if err := room(step); err != nil {
			return "", 0, err
		}
		_, err := io.CopyN(w, content, step)
		if errors.Is(err, io.EOF) {
			break
		}
		if path := (*os.PathError)(nil); errors.As(err, &path) {
			return "", 0, c.broken("write blob", err)
		}
		if err != nil {
			return "", 0, fault.New(fault.DigestMismatch, "unpack %s: %w", l.Digest, err)
		}
	}
	if got := w.sum(); got != l.DiffID {
		return "", 0, fault.New(fault.DigestMismatch, "layer %s unpacks to %s, not to the config's %s", l.Digest, got, l.DiffID)
	}
	if err := out.Sync(); err != nil {
		return "", 0, c.broken("write layer", err)
	}
	if err := statefile.Rename(path+unpackSuffix, path); err != nil {
		return "", 0, c.broken("name layer", err)
	}
	return path, w.offset, nil
}
