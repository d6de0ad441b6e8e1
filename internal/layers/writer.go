package layers

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Writer continues a partial file. It hashes what it writes.
type Writer struct {
	shelf  *shelf
	what   string // for people: layer sha256:…
	want   artifact.Digest
	size   int64 // of the whole file
	source string
	began  int64
	writeback
}

// writeback is a file that is written in order, and its hash. It has the disk begin to
// write while more bytes arrive: then the sync at the end costs next to nothing.
type writeback struct {
	file           *os.File
	hash           hash.Hash
	offset, pushed int64
}

// pending is how many bytes may wait in memory before the disk begins.
const pending = 8 << 20

func (w *writeback) Write(p []byte) (int, error) {
	n, err := w.file.WriteAt(p, w.offset)
	w.hash.Write(p[:n])
	w.offset += int64(n)
	if w.offset-w.pushed >= pending {
		// This only starts the write; the sync makes it durable.
		_ = unix.SyncFileRange(int(w.file.Fd()), w.pushed, w.offset-w.pushed, unix.SYNC_FILE_RANGE_WRITE)
		w.pushed = w.offset
	}
	return n, err
}

func (w *writeback) sum() artifact.Digest {
	return artifact.DigestSum([sha256.Size]byte(w.hash.Sum(nil)))
}

// Writer opens the blob's partial file at its end. What is there already is read
// once, for the hash; more than the blob can have is thrown away.
func (s *Spool) Writer(l artifact.Layer) (*Writer, error) {
	return s.writer(l.Digest, l.Size, &Writer{what: "layer " + l.Digest.String(), source: "the manifest"})
}

// writer completes w, which names what the file is and the source of its size.
func (s *shelf) writer(want artifact.Digest, size int64, w *Writer) (*Writer, error) {
	f, err := statefile.Open(s.path(want)+partSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, s.broken("open partial blob", err)
	}
	w.shelf, w.want, w.size = s, want, size
	w.writeback = writeback{file: f, hash: sha256.New()}
	if w.offset, err = io.Copy(w.hash, f); err == nil && w.offset > size {
		err, w.offset = f.Truncate(0), 0
		w.hash.Reset()
	}
	if err != nil {
		return nil, errors.Join(fault.New(fault.Internal, "read partial blob: %w", err), f.Close())
	}
	w.began, w.pushed = w.offset, w.offset
	return w, nil
}

// Offset is where the next byte goes.
func (w *Writer) Offset() int64 { return w.offset }

// Write implements [io.Writer]. It takes no more than the blob can have.
func (w *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.size-w.offset {
		return 0, fault.New(fault.DigestMismatch, "%s is longer than the %d bytes that %s says", w.what, w.size, w.source)
	}
	n, err := w.writeback.Write(p)
	if err != nil {
		return n, w.shelf.broken("write blob", err)
	}
	return n, nil
}

// Commit makes the blob whole: it checks size and digest, and only then, durably, gives
// it its name. A blob that fails the check is removed, since it is unknown which of its
// bytes are wrong. The error is DIGEST_MISMATCH, with a retry if some of the bytes are
// from an earlier run (a power cut can spoil the last bytes).
func (w *Writer) Commit() error {
	defer w.file.Close()
	path := w.shelf.path(w.want)
	if got := w.sum(); w.offset != w.size || got != w.want {
		err := fault.New(fault.DigestMismatch, "%s: %d bytes came that hash to %s", w.what, w.offset, got)
		err.Retry = w.began > 0
		return errors.Join(err, statefile.Remove(path+partSuffix))
	}
	if err := w.file.Sync(); err != nil {
		return w.shelf.broken("write blob", err)
	}
	if err := statefile.Rename(path+partSuffix, path); err != nil {
		return w.shelf.broken("name blob", err)
	}
	return nil
}

// Close leaves the partial blob to be continued.
func (w *Writer) Close() error { return w.file.Close() }
