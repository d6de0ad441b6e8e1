// Package provenance compares a producer's summary of what it published with what the
// registry resolved, and joins to that what else is known of an artifact's origin. The
// summary is a second witness: an account that can push to the registry can move a tag,
// and then the two disagree. It proves nothing alone, since an account that can write
// the folder of summaries can agree with anything.
//
// A summary that is missing, unreadable or incomplete leaves an artifact unverified,
// which a policy may refuse. A summary that contradicts is always refused: a value that
// is there is compared as it stands, and nothing is made to fit.
package provenance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
)

// Summary is what a producer publishes about an artifact (docs/provenance.md).
type Summary struct {
	ServiceID    string `json:"serviceId"`
	SourceRepo   string `json:"sourceRepo"`
	SourceCommit string `json:"sourceCommit"`
	// Dockerfile is for people; nothing is compared with it.
	Dockerfile string `json:"dockerfile"`
	ImageRef   string `json:"imageRef"`
	Tag        string `json:"tag"`
	Digest     string `json:"digest"`
	DigestRef  string `json:"digestRef"`
}

// Wanted is the artifact that the registry resolved.
type Wanted struct {
	Service    artifact.ServiceID
	Commit     artifact.Commit
	Repository artifact.Repository
	// Source is the repository that the service is built from.
	Source string
	// Manifest is the digest of the image's manifest, Index that of the index above it,
	// zero if there is none. A producer may name either.
	Manifest, Index artifact.Digest
}

// Status is what is made of an artifact.
type Status string

// The statuses.
const (
	// Verified: the summary agrees with the registry, in everything, and so does every
	// other source.
	Verified Status = "verified"
	// Unverified: a source cannot confirm it.
	Unverified Status = "unverified"
	// Contradicted: a source disagrees.
	Contradicted Status = "contradicted"
)

// Verdict is a status and why.
type Verdict struct {
	Status Status `json:"status"`
	// Detail is a sentence for people.
	Detail string `json:"detail"`
	// Fix is what to do about an artifact that is not verified; "" is the producer's matter.
	Fix string `json:"-"`
	// Retry is true if it may be verified later without any change.
	Retry bool `json:"-"`
}

// Compare judges a summary; nil is a missing summary.
func Compare(s *Summary, want Wanted) Verdict {
	if s == nil {
		return Verdict{Status: Unverified, Detail: "the producer published no summary of this commit"}
	}
	digest := want.Manifest.String()
	if s.Digest == want.Index.String() {
		digest = s.Digest
	}
	var missing []string
	for _, c := range []struct{ key, got, want string }{
		{"serviceId", s.ServiceID, want.Service.String()},
		{"sourceCommit", s.SourceCommit, want.Commit.String()},
		{"sourceRepo", Plain(s.SourceRepo), Plain(want.Source)},
		{"tag", s.Tag, want.Commit.String()},
		{"digest", s.Digest, digest},
		{"imageRef", withoutHost(s.ImageRef), want.Repository.String() + ":" + want.Commit.String()},
		{"digestRef", withoutHost(s.DigestRef), want.Repository.String() + "@" + digest},
	} {
		switch c.got {
		case "":
			missing = append(missing, c.key)
		case c.want:
		default:
			return Verdict{Status: Contradicted, Detail: fmt.Sprintf("the producer's summary has %s %q, the registry's image is %s", c.key, brief(c.got), c.want)}
		}
	}
	if len(missing) > 0 {
		return Verdict{Status: Unverified, Detail: "the producer's summary lacks " + strings.Join(missing, ", ")}
	}
	return Verdict{Status: Verified, Detail: "the producer's summary names this service, commit, source and digest"}
}

// And joins another verdict: both have to be verified, and either can contradict. The
// worse verdict comes first, and gives the fix.
func (v Verdict) And(other Verdict) Verdict {
	rank := []Status{Verified, Unverified, Contradicted}
	if slices.Index(rank, other.Status) > slices.Index(rank, v.Status) {
		v, other = other, v
	}
	v.Detail += "; " + other.Detail
	return v
}

// Plain returns a source repository without the endings that name the same repository.
func Plain(url string) string {
	return strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git")
}

// withoutHost is a reference without its registry: producer and registry may call
// that by different names, and what counts is the digest.
func withoutHost(ref string) string {
	if _, rest, ok := strings.Cut(ref, "/"); ok {
		return rest
	}
	return ref
}

func brief(s string) string { return s[:min(len(s), 100)] }

// Policy is how much a service asks of its provenance.
type Policy string

// The policies.
const (
	// Optional lets an unverified artifact pass, and shows that it is.
	Optional Policy = "optional"
	// Required wants it verified.
	Required Policy = "required"
)

// ParsePolicy accepts a policy's name; "" is [Optional].
func ParsePolicy(s string) (Policy, error) {
	switch Policy(s) {
	case "", Optional:
		return Optional, nil
	case Required:
		return Required, nil
	}
	return "", fault.New(fault.ConfigInvalid, "%q is not a provenance policy; it is optional or required", s)
}

// Check is the verdict as a condition of a deploy under a policy.
func (v Verdict) Check(p Policy) proof.Check {
	c := proof.Check{Name: "provenance", OK: true, Detail: string(v.Status) + ": " + v.Detail}
	switch {
	case v.Status == Contradicted:
		c.OK, c.Reason = false, fault.ProvenanceContradicted
		c.Fix = "find out who pushed what: the tag was moved, or the summary is of another build; publish the commit again"
	case v.Status != Verified && p != Optional:
		c.OK, c.Reason = false, fault.ProvenanceMissing
		c.Retry = v.Retry
		c.Fix = cmp.Or(v.Fix, "have the producer publish the commit's summary, from a commit on a branch of its source, or set `provenance: optional` for the service in services.yaml")
	}
	return c
}
