package pull

import (
	"fmt"
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

// builtImage has two layers and says when it was built.
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
	oci := string(types.OCIManifestSchema1)
	config := artifact.DigestOf([]byte(`{"created":"yesterday"}`))
	named := func(layers string) []byte {
		return fmt.Appendf(nil, `{"config":{"digest":%q,"size":23},"layers":[%s]}`, config, layers)
	}
	for name, c := range map[string]struct {
		manifest []byte
		served   []byte // in its place
		want     fault.Reason
	}{
		"other bytes":            {manifest: named(""), served: named(`{"size":1}`), want: fault.DigestMismatch},
		"a negative layer":       {manifest: named(`{"size":-1}`), want: fault.InvalidRequest},
		"a layer beyond all":     {manifest: named(`{"size":9223372036854775807}`), want: fault.InvalidRequest},
		"layers beyond all":      {manifest: named(strings.TrimSuffix(strings.Repeat(`{"size":1125899906842624},`, 9000), ",")), want: fault.InvalidRequest},
		"no config":              {manifest: []byte(`{"layers":[]}`), want: fault.InvalidRequest},
		"a config beyond reason": {manifest: fmt.Appendf(nil, `{"config":{"digest":%q,"size":1048577}}`, config), want: fault.InvalidRequest},
		"a date that is none":    {manifest: named(""), want: fault.InvalidRequest},
		"a manifest beyond reason": {
			manifest: named(`{"size":1,"x":"` + strings.Repeat("x", maxDetail) + `"}`), want: fault.InvalidRequest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, body := newFake(t), c.manifest
			if c.served != nil {
				body = c.served
			}
			f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/blobs/") {
					_, _ = w.Write([]byte(`{"created":"yesterday"}`))
					return true
				}
				w.Header().Set("Content-Type", oci)
				_, _ = w.Write(body)
				return true
			})
			_, _, err := f.reader(t).Details(t.Context(), repo(), artifact.DigestOf(c.manifest), amd64)
			wantReason(t, err, c.want, false)
		})
	}
}
