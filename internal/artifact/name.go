// Package artifact holds the values that name what is deployed and its place: a commit, a
// service, an environment, a digest, an image. Each is parsed once, at the edge, and cannot be
// wrong afterwards; nothing here does I/O.
package artifact

import (
	"regexp"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

var (
	commitForm     = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	serviceForm    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$`)
)

// Commit is a full Git object id: 40 lower-case hex digits, or 64 in a SHA-256
// repository. A short id, a branch or a tag is not a Commit: what it names can change
// after the review.
type Commit struct{ s string }

// ParseCommit accepts a full lower-case object id and nothing else.
func ParseCommit(s string) (Commit, error) {
	if commitForm.MatchString(s) {
		return Commit{s}, nil
	}
	e := fault.New(fault.CommitNotPinned, "%.100q is not a full commit id (40 or 64 lower-case hex digits)", s)
	switch lower := strings.ToLower(s); {
	case s != lower && commitForm.MatchString(lower):
		return Commit{}, e.WithHint("write it in lower case: %s", lower)
	default:
		return Commit{}, e.WithHint("git rev-parse %s prints the full id of what you mean", plain.Quote(plain.Line(s[:min(len(s), 100)])+"^{commit}"))
	}
}

// String returns the object id, or "" for the zero value.
func (c Commit) String() string { return c.s }

// Short returns the first twelve digits, for people.
func (c Commit) Short() string { return c.s[:min(12, len(c.s))] }

// IsZero reports whether c names nothing.
func (c Commit) IsZero() bool { return c.s == "" }

// MarshalText implements encoding.TextMarshaler.
func (c Commit) MarshalText() ([]byte, error) { return []byte(c.s), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it accepts "" for the zero value.
func (c *Commit) UnmarshalText(b []byte) (err error) {
	*c = Commit{}
	if len(b) > 0 {
		*c, err = ParseCommit(string(b))
	}
	return err
}

// ServiceID names a service of the catalog: lower-case words joined by dashes.
type ServiceID struct{ s string }

// ParseServiceID checks the form only; the catalog knows which services exist.
func ParseServiceID(s string) (ServiceID, error) {
	if len(s) > 63 || !serviceForm.MatchString(s) {
		return ServiceID{}, fault.New(fault.UnknownService, "%.100q is not a service id", s)
	}
	return ServiceID{s}, nil
}

// String returns the id.
func (s ServiceID) String() string { return s.s }

// MarshalText implements encoding.TextMarshaler.
func (s ServiceID) MarshalText() ([]byte, error) { return []byte(s.s), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *ServiceID) UnmarshalText(b []byte) (err error) {
	*s, err = ParseServiceID(string(b))
	return err
}

// Repository is a repository's path in a registry, for example
// "unidesk/baidu-netdisk" (the OCI distribution specification's <name>).
type Repository struct{ s string }

// ParseRepository checks the form of the OCI distribution specification.
func ParseRepository(s string) (Repository, error) {
	if len(s) > 255 || !repositoryForm.MatchString(s) {
		return Repository{}, fault.New(fault.InvalidRequest, "%.100q is not a repository name", s)
	}
	return Repository{s}, nil
}

// String returns the path.
func (r Repository) String() string { return r.s }

// MarshalText implements encoding.TextMarshaler.
func (r Repository) MarshalText() ([]byte, error) { return []byte(r.s), nil }

// UnmarshalText implements encoding.TextUnmarshaler; it accepts "" for the zero value.
func (r *Repository) UnmarshalText(b []byte) (err error) {
	*r = Repository{}
	if len(b) > 0 {
		*r, err = ParseRepository(string(b))
	}
	return err
}
