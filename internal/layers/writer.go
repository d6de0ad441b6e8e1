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

// Writer continues a partial blob. It hashes what it writes.
type Writer struct {
	spool  *Spool
	layer  artifact.Layer
	file   *os.File
	hash   hash.Hash
	offset int64
	began  int64
	pushed int64
}

// Writer opens the blob's partial file at its end. What is there already is read
// once, for the hash; more than the blob can have is thrown away.
func (s *Spool) Writer(l artifact.Layer) (*Writer, error) {
	f, err := statefile.Open(s.path(l.Digest)+partSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, s.broken("open partial blob", err)
	}
	w := &Writer{spool: s, layer: l, file: f, hash: sha256.New()}
	if w.offset, err = io.Copy(w.hash, f); err == nil && w.offset > l.Size {
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

// writeback is how many bytes may wait in memory before the disk is told to
// begin: a blob that is written while it arrives costs next to nothing to sync.
const writeback = 8 << 20

// Write implements [io.Writer]. It takes no more than the blob can have.
func (w *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.layer.Size-w.offset {
		return 0, fault.New(fault.DigestMismatch, "layer %s is longer than the %d bytes that the manifest says", w.layer.Digest, w.layer.Size)
	}
	n, err := w.file.WriteAt(p, w.offset)
	w.hash.Write(p[:n])
	w.offset += int64(n)
	if err != nil {
		return n, w.spool.broken("write blob", err)
	}
	if w.offset-w.pushed >= writeback {
		// Only a nudge: Commit is what makes sure.
		_ = unix.SyncFileRange(int(w.file.Fd()), w.pushed, w.offset-w.pushed, unix.SYNC_FILE_RANGE_WRITE)
		w.pushed = w.offset
	}
	return n, nil
}

// Commit makes the blob whole: it checks size and digest, and only then, durably,
// gives it its name. A blob that is not what it should be is removed, for nobody
// can tell which of its bytes are wrong: DIGEST_MISMATCH, to be tried again when
// some of them were from an earlier run (a power cut can spoil the last ones).
func (w *Writer) Commit() error {
	defer w.file.Close()
	path := w.spool.path(w.layer.Digest)
	if got := artifact.DigestSum([sha256.Size]byte(w.hash.Sum(nil))); w.offset != w.layer.Size || got != w.layer.Digest {
		err := fault.New(fault.DigestMismatch, "layer %s: %d bytes came that hash to %s", w.layer.Digest, w.offset, got)
		err.Retry = w.began > 0
		return errors.Join(err, statefile.Remove(path+partSuffix))
	}
	if err := w.file.Sync(); err != nil {
		return w.spool.broken("write blob", err)
	}
	if err := statefile.Rename(path+partSuffix, path); err != nil {
		return w.spool.broken("name blob", err)
	}
	return nil
}

// Close leaves the partial blob to be continued.
func (w *Writer) Close() error { return w.file.Close() }
