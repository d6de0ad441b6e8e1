package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Digest is a SHA-256 content digest in OCI's form, "sha256:" and 64 lower-case
// hex digits. The zero value names nothing.
type Digest struct{ s string }

// ParseDigest accepts OCI's canonical form and nothing else.
func ParseDigest(s string) (Digest, error) {
	if !digestForm.MatchString(s) {
		return Digest{}, fault.New(fault.InvalidRequest, "%q is not a sha256 digest", s)
	}
	return Digest{s}, nil
}

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest { return DigestSum(sha256.Sum256(b)) }

// DigestSum returns the digest that a finished SHA-256 gives.
func DigestSum(sum [sha256.Size]byte) Digest { return Digest{"sha256:" + hex.EncodeToString(sum[:])} }

// String returns the canonical form, or "" for the zero value.
func (d Digest) String() string { return d.s }

// Hex returns the 64 hex digits, or "" for the zero value.
func (d Digest) Hex() string {
	if d.s == "" {
		return ""
	}
	return d.s[len("sha256:"):]
}

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d.s == "" }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.s), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it accepts "" for the zero value.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d = Digest{}
	if len(b) > 0 {
		*d, err = ParseDigest(string(b))
	}
	return err
}
