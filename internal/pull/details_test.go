package pull

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

var built = time.Unix(1_700_000_000, 0).UTC()

// builtImage has two layers and the time when it was built.
func builtImage(at time.Time) v1.Image {
	return must(mutate.CreatedAt(must(random.Image(1000, 2)), v1.Time{Time: at}))
}

func layersOf(img v1.Image) (n int64) {
	for _, l := range must(img.Layers()) {
		n += must(l.Size())
	}
	return n
}

func digest(d v1.Hash) artifact.Digest { return must(artifact.ParseDigest(d.String())) }

func TestAnImageTellsItsSizeAndAge(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	dated, undated, arm := builtImage(built), imageFor(amd64), builtImage(built.Add(time.Hour))
	for tag, img := range map[string]v1.Image{"dated": dated, "undated": undated} {
		f.push(t, tag, img)
	}
	idx := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: dated, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}})
	if err := remote.WriteIndex(f.ref(t, "index"), idx, pushTransport(t)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		digest  artifact.Digest
		want    artifact.Platform
		size    int64
		created time.Time
	}{
		"a manifest":                   {digest(must(dated.Digest())), amd64, layersOf(dated), built},
		"a manifest without a date":    {digest(must(undated.Digest())), amd64, layersOf(undated), time.Time{}},
		"an index":                     {digest(must(idx.Digest())), amd64, layersOf(dated), built},
		"an index, for other machines": {digest(must(idx.Digest())), arm64, layersOf(arm), built.Add(time.Hour)},
	} {
		size, created, err := f.reader(t).Details(t.Context(), repo(), c.digest, c.want)
		if err != nil || size != c.size || !created.Equal(c.created) {
			t.Errorf("%s: %d bytes of %v, %v; want %d of %v", name, size, created, err, c.size, c.created)
		}
	}
	_, _, err := f.reader(t).Details(t.Context(), repo(), digest(must(idx.Digest())), artifact.Platform{OS: "linux", Architecture: "riscv64"})
	wantReason(t, err, fault.PlatformNotFound, false)
}

func TestDetailsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	const good, undated = `{"created":"2026-01-02T03:04:05Z"}`, `{"created":"yesterday"}`
	manifest := func(config, layers string) string {
		return fmt.Sprintf(`{"config":{"digest":%q,"size":%d},"layers":[%s]}`, artifact.DigestOf([]byte(config)), len(config), layers)
	}
	for name, c := range map[string]struct {
		manifest, config string
		served           string // in the manifest's place
		want             fault.Reason
	}{
		"nothing wrong":            {manifest: manifest(good, `{"size":1}`), config: good},
		"other bytes":              {manifest: manifest(good, ""), config: good, served: manifest(good, `{"size":1}`), want: fault.DigestMismatch},
		"a negative layer":         {manifest: manifest(good, `{"size":-1}`), config: good, want: fault.ArtifactInvalid},
		"a layer beyond all":       {manifest: manifest(good, `{"size":9223372036854775807}`), config: good, want: fault.ArtifactInvalid},
		"layers beyond all":        {manifest: manifest(good, strings.Repeat(`{"size":1125899906842624},`, 3)+`{}`), config: good, want: fault.ArtifactInvalid},
		"no config":                {manifest: `{"layers":[]}`, config: good, want: fault.ArtifactInvalid},
		"a config beyond reason":   {manifest: manifest(good+strings.Repeat(" ", maxDetail), ""), config: good + strings.Repeat(" ", maxDetail), want: fault.ArtifactInvalid},
		"a manifest beyond reason": {manifest: manifest(good, "") + strings.Repeat(" ", maxDetail), config: good, want: fault.ArtifactInvalid},
		"a date that is none":      {manifest: manifest(undated, ""), config: undated, want: fault.ArtifactInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
				body := c.config
				if strings.Contains(r.URL.Path, "/manifests/") {
					w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
					body = cmp.Or(c.served, c.manifest)
				}
				_, _ = io.WriteString(w, body)
				return true
			})
			_, _, err := f.reader(t).Details(t.Context(), repo(), artifact.DigestOf([]byte(c.manifest)), amd64)
			if c.want != "" || err != nil {
				wantReason(t, err, c.want, false)
			}
		})
	}
}
