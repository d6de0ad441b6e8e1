package layers

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/packed"
)

// Readable checks that a whole blob, or else the layer's tar in the cache, unpacks to a tar, and to
// the tar that the image's config names. If not, it fails with ARTIFACT_INVALID and the layer's digest.
func (s *Spool) Readable(l artifact.Layer) error {
	open := s.Open
	if !s.Has(l.Digest) {
		open = func(artifact.Digest) (*os.File, error) { return s.Cache.Open(l.DiffID) }
	}
	in, err := open(l.Digest)
	if err != nil {
		return err
	}
	defer in.Close()
	bad := func(err error) error {
		return fault.New(fault.ArtifactInvalid, "layer %s cannot be unpacked: %w", l.Digest, err)
	}
	content, err := packed.Open(in, maxWindow)
	if err != nil {
		return bad(err)
	}
	defer content.Close()
	h := sha256.New()
	read := io.TeeReader(content, h)
	for files := tar.NewReader(read); err == nil; {
		_, err = files.Next()
	}
	if errors.Is(err, io.EOF) {
		_, err = io.Copy(io.Discard, read) // what pads the archive counts, too
	}
	if err != nil {
		return bad(err)
	}
	if got := artifact.DigestSum([sha256.Size]byte(h.Sum(nil))); got != l.DiffID {
		return fault.New(fault.ArtifactInvalid, "layer %s unpacks to %s, not to the config's %s", l.Digest, got, l.DiffID)
	}
	return nil
}
