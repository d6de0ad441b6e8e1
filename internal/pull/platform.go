package pull

import (
	"encoding/json"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// attestation is the annotation by which BuildKit marks index entries that hold
// provenance about another entry instead of an image (its docs, "Attestation
// storage"); their platform is unknown/unknown.
const attestation = "vnd.docker.reference.type"

// entry is a descriptor of an index.
type entry struct {
	Digest      artifact.Digest
	Size        int64
	MediaType   string
	Platform    artifact.Platform
	Annotations map[string]string
}

// choose returns the first image of an index that is for the platform: the OCI
// image specification gives earlier entries precedence.
func choose(index document, want artifact.Platform) (entry, error) {
	var list struct{ Manifests []entry }
	if err := json.Unmarshal(index.bytes, &list); err != nil {
		return entry{}, fault.New(fault.InvalidRequest, "index %s: %w", index.digest, err)
	}
	var others []string
	for _, e := range list.Manifests {
		if e.Annotations[attestation] != "" || e.Platform.OS == "unknown" || e.Digest.IsZero() {
			continue
		}
		if fits(want, e.Platform) {
			return e, nil
		}
		if len(others) < 8 {
			others = append(others, e.Platform.String())
		}
	}
	return entry{}, fault.New(fault.PlatformNotFound, "index %s has no image for %s, only %q", index.digest, want, others)
}

// fits reports whether an image of platform got runs where want is asked for. No
// variant means any; arm64 without one is v8 (containerd's platforms package).
func fits(want, got artifact.Platform) bool {
	if want.OS != got.OS || want.Architecture != got.Architecture {
		return false
	}
	if want.Architecture == "arm64" && got.Variant == "" {
		got.Variant = "v8"
	}
	return want.Variant == "" || want.Variant == got.Variant
}
