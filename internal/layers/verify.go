package layers

import (
	"crypto/sha256"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Verify hashes a whole blob again and drops it when it has rotted. It is for the
// moment after an engine has refused it: reading every blob twice at every deploy
// would cost more than it finds, and the engine checks the diff id anyway.
func (s *Spool) Verify(d artifact.Digest) error {
	f, err := s.Open(d)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fault.New(fault.Internal, "read blob in the spool: %w", err)
	}
	if artifact.DigestSum([sha256.Size]byte(h.Sum(nil))) != d {
		return s.Remove(d)
	}
	return nil
}
