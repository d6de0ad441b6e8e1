package layers

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// zstdMagic begins a zstd frame (RFC 8878, 3.1.1). Media types are not relied on:
// engines look at the content too.
const zstdMagic = "\x28\xb5\x2f\xfd"

// IsZstd reports whether a whole blob is compressed with zstd.
func (s *Spool) IsZstd(d artifact.Digest) (bool, error) {
	f, err := s.Open(d)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(zstdMagic))
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == zstdMagic, nil
}

// maxWindow bounds what a zstd frame may make the decoder hold: levels up to 19
// ask for 8 MiB, which every decoder should support (RFC 8878, 3.1.1.1.2).
const maxWindow = 32 << 20

// Unpack returns the path and size of the tar that a zstd blob unpacks to, after
// checking that it is the layer's. keep is as for [Spool.MakeRoom], which decides
// how large it may become.
func (s *Spool) Unpack(ctx context.Context, l artifact.Layer, keep func(artifact.Digest) bool) (path string, size int64, err error) {
	path = s.path(l.Digest) + tarSuffix
	if info, err := os.Stat(path); err == nil {
		return path, info.Size(), nil
	}
	in, err := s.Open(l.Digest)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	dec, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return "", 0, fault.New(fault.Internal, "unpack %s: %w", l.Digest, err)
	}
	defer dec.Close()
	out, err := statefile.Open(path+partSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", 0, s.broken("unpack "+l.Digest.String(), err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = statefile.Remove(out.Name())
		}
	}()
	h := sha256.New()
	for step := int64(32 << 20); ; {
		if err := ctx.Err(); err != nil {
			return "", 0, context.Cause(ctx)
		}
		if err := s.MakeRoom(step, keep); err != nil {
			return "", 0, err
		}
		n, err := io.CopyN(io.MultiWriter(out, h), dec, step)
		size += n
		if errors.Is(err, io.EOF) {
			break
		}
		if path := (*os.PathError)(nil); errors.As(err, &path) {
			return "", 0, s.broken("write blob", err)
		}
		if err != nil {
			return "", 0, fault.New(fault.DigestMismatch, "unpack %s: %w", l.Digest, err)
		}
	}
	if got := artifact.DigestSum([sha256.Size]byte(h.Sum(nil))); got != l.DiffID {
		return "", 0, fault.New(fault.DigestMismatch, "layer %s unpacks to %s, not to the config's %s", l.Digest, got, l.DiffID)
	}
	// Not synced: nothing but this run relies on it, and the blob itself is durable.
	// A later run that finds it spoiled has it refused by the engine, and dropped.
	if err := os.Rename(path+partSuffix, path); err != nil {
		return "", 0, fault.New(fault.Internal, "unpack %s: %w", l.Digest, err)
	}
	return path, size, nil
}
