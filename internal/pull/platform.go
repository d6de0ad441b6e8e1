package pull

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

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

// choose returns the image of an index that `docker pull` takes on the platform: the
// nearest of those that run there, the first of equals.
func choose(index document, want artifact.Platform) (entry, error) {
	var list struct{ Manifests []entry }
	if err := json.Unmarshal(index.bytes, &list); err != nil {
		return entry{}, invalid("index %s: %w", index.digest, err)
	}
	var others []string
	var best *entry
	near := 0
	for _, e := range list.Manifests {
		if e.Annotations[attestation] != "" || e.Platform.OS == "unknown" || e.Digest.IsZero() {
			continue
		}
		if far, ok := distance(want, e.Platform); ok && (best == nil || far < near) {
			best, near = &e, far
		}
		if len(others) < 8 {
			others = append(others, e.named())
		}
	}
	if best != nil {
		return *best, nil
	}
	return entry{}, fault.New(fault.PlatformNotFound, "index %s has no image for %s, only %q", index.digest, want, others).
		WithHint("publish the commit for %s", want)
}

// named returns what an entry is for.
func (e entry) named() string {
	if types.MediaType(e.MediaType).IsIndex() {
		return "a further index"
	}
	return named(e.Platform)
}

// named returns the name of a platform that may be missing.
func named(p artifact.Platform) string {
	if p == (artifact.Platform{}) {
		return "no platform"
	}
	return p.String()
}

// distance returns how far an index entry's platform is from the wanted, and whether it
// runs there at all, as the engine's pull judges (containerd's platforms.Only): amd64
// without a variant is v1 and runs no higher level, arm64 without a variant is v8.
func distance(want, got artifact.Platform) (far int, ok bool) {
	if !runs(want, got) {
		return 0, false
	}
	switch want.Architecture {
	case "amd64":
		far = level(want.Variant) - level(got.Variant)
		return far, far >= 0
	case "arm64":
		return 0, cmp.Or(want.Variant, "v8") == cmp.Or(got.Variant, "v8")
	}
	return 0, true
}

// level is the N of amd64's variant vN, so large that nothing runs it if it is none.
func level(variant string) int {
	if variant == "" {
		return 1
	}
	n, err := strconv.Atoi(strings.TrimPrefix(variant, "v"))
	if err != nil || n < 1 {
		return math.MaxInt32
	}
	return n
}

// runs reports whether an image of platform got can run on want. No variant means
// any; arm64 without a variant is v8, and amd64 at level N runs the levels below.
func runs(want, got artifact.Platform) bool {
	if want.OS != got.OS || want.Architecture != got.Architecture {
		return false
	}
	if want.Architecture == "arm64" && got.Variant == "" {
		got.Variant = "v8"
	}
	if want.Architecture == "amd64" {
		return want.Variant == "" || level(got.Variant) <= level(want.Variant)
	}
	return want.Variant == "" || want.Variant == got.Variant
}
