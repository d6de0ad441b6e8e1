package pull

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestAManifestUnderTheTagResolves(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	img := imageFor(amd64)
	f.push(t, commitID, img)
	got, err := f.reader(t).Resolve(t.Context(), repo(), commit(), amd64)
	if err != nil {
		t.Fatal(err)
	}
	if want := must(img.Digest()).String(); got.Manifest.String() != want || !got.Index.IsZero() {
		t.Errorf("manifest %s, index %s; want %s and none", got.Manifest, got.Index, want)
	}
	if want := must(img.ConfigName()).String(); got.Config.String() != want {
		t.Errorf("config %s, want %s", got.Config, want)
	}
	var sizes []int64
	for _, l := range must(img.Layers()) {
		sizes = append(sizes, must(l.Size()))
	}
	if diff := cmp.Diff(sizes, []int64{got.Layers[0].Size, got.Layers[1].Size, got.Layers[2].Size}); diff != "" {
		t.Error(diff)
	}
}

// index pushes two images and an attestation as BuildKit does, and returns it.
func index(t *testing.T, f *fake, tag string) (idx v1.ImageIndex, images map[artifact.Platform]v1.Image) {
	t.Helper()
	images = map[artifact.Platform]v1.Image{amd64: imageFor(amd64), arm64: imageFor(arm64)}
	attest := imageFor(amd64)
	idx = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	idx = mutate.AppendManifests(idx,
		// First, and with the wanted platform: only the annotation differs.
		mutate.IndexAddendum{Add: attest, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "linux", Architecture: "amd64"},
			Annotations: map[string]string{attestation: "attestation-manifest"},
		}},
		mutate.IndexAddendum{Add: attest, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
		mutate.IndexAddendum{Add: images[arm64], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}},
		mutate.IndexAddendum{Add: images[amd64], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
	)
	if err := remote.WriteIndex(f.ref(t, tag), idx, pushTransport(t)); err != nil {
		t.Fatal(err)
	}
	return idx, images
}

func TestAnIndexResolvesToThePlatformAndPassesAttestationsOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	idx, images := index(t, f, commitID)
	for platform, img := range images {
		got, err := f.reader(t).Resolve(t.Context(), repo(), commit(), platform)
		if err != nil {
			t.Fatal(err)
		}
		if got.Manifest.String() != must(img.Digest()).String() || got.Index.String() != must(idx.Digest()).String() {
			t.Errorf("%s: manifest %s in index %s", platform, got.Manifest, got.Index)
		}
	}
	_, err := f.reader(t).Resolve(t.Context(), repo(), commit(), artifact.Platform{OS: "linux", Architecture: "riscv64"})
	wantReason(t, err, fault.PlatformNotFound, false)
	if strings.Contains(err.Error(), "unknown") || !strings.Contains(err.Error(), "linux/arm64/v8") {
		t.Errorf("%v does not name what there is", err)
	}
}

// A document that can be read in two ways is refused though one way is right.
func TestAnAmbiguousManifestIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mediaType types.MediaType
		change    func(manifest map[string]any)
	}{
		"as it was":              {types.DockerManifestSchema2, func(map[string]any) {}},
		"served as another type": {types.OCIManifestSchema1, func(map[string]any) {}},
		"served as no image":     {"application/json", func(m map[string]any) { delete(m, "mediaType") }},
		"an index as well":       {types.DockerManifestSchema2, func(m map[string]any) { m["manifests"] = []any{} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			img := imageFor(amd64)
			f.push(t, commitID, img)
			var manifest map[string]any
			if err := json.Unmarshal(must(img.RawManifest()), &manifest); err != nil {
				t.Fatal(err)
			}
			c.change(manifest)
			body := must(json.Marshal(manifest))
			f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				w.Header().Set("Content-Type", string(c.mediaType))
				_, _ = w.Write(body)
				return true
			})
			_, err := f.reader(t).Resolve(t.Context(), repo(), commit(), amd64)
			if name == "as it was" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantReason(t, err, fault.ArtifactInvalid, false)
		})
	}
}

func TestWhatRunsOnAPlatform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got artifact.Platform
		fits      bool
	}{
		{amd64, amd64, true},
		{amd64, arm64, false},
		{amd64, artifact.Platform{OS: "windows", Architecture: "amd64"}, false},
		{arm64, artifact.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, true},
		{artifact.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, arm64, true},
		{artifact.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, artifact.Platform{OS: "linux", Architecture: "arm"}, false},
		{artifact.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, artifact.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}, false},
		{amd64, artifact.Platform{}, false},
	} {
		if runs(c.want, c.got) != c.fits {
			t.Errorf("want %s, got %s: runs is not %t", c.want, c.got, c.fits)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	isManifest := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
	isBlob := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/") }
	status := func(match func(*http.Request) bool, code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if match(r) {
				w.WriteHeader(code)
			}
			return match(r)
		}
	}
	serve := func(match func(*http.Request) bool, mediaType string, body []byte) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !match(r) {
				return false
			}
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write(body)
			return true
		}
	}
	oci, ociIndex := string(types.OCIManifestSchema1), string(types.OCIImageIndex)
	other := must(imageFor(amd64).RawManifest())
	child := func(r *http.Request) bool { return isManifest(r) && strings.Contains(r.URL.Path, "sha256:") }
	// An index whose only image is a manifest that is not there.
	missing := fmt.Appendf(nil, `{"manifests":[{"digest":"sha256:%064d","size":5,"platform":{"os":"linux","architecture":"amd64"}}]}`, 1)
	chart := fmt.Appendf(nil, `{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:%064d","size":5},"layers":[]}`, 1)
	inner := []byte(`{"manifests":[]}`)
	outer := fmt.Appendf(nil, `{"manifests":[{"digest":%q,"size":%d,"platform":{"os":"linux","architecture":"amd64"}}]}`, artifact.DigestOf(inner), len(inner))
	nested := func(w http.ResponseWriter, r *http.Request) bool {
		return serve(child, ociIndex, inner)(w, r) || serve(isManifest, ociIndex, outer)(w, r)
	}
	for name, c := range map[string]struct {
		lie    func(http.ResponseWriter, *http.Request) bool
		want   fault.Reason
		retry  bool
		noTag  bool
		images bool
		text   string
	}{
		"a commit without a tag":          {noTag: true, want: fault.ArtifactNotFound, text: "the registry has no image of todo-note at " + commitID[:12]},
		"a registry that wants a login":   {lie: status(isManifest, 401), want: fault.RegistryUnavailable},
		"a registry that fails on and on": {lie: status(isManifest, 503), want: fault.RegistryUnavailable, retry: true},
		"a registry that redirects":       {lie: redirect, want: fault.RegistryUnavailable},
		"a config that is missing":        {lie: status(isBlob, 404), want: fault.ArtifactInvalid, text: "the tag is there, its image is not"},
		"a config of other bytes":         {lie: serve(isBlob, "", bytes.Repeat([]byte("x"), 500)), want: fault.DigestMismatch},
		"a manifest that is not JSON":     {lie: serve(isManifest, oci, []byte("<html>")), want: fault.ArtifactInvalid},
		"a manifest too large":            {lie: serve(isManifest, oci, make([]byte, artifact.MaxManifest+1)), want: fault.ArtifactInvalid},
		"a manifest without an end": {lie: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", oci)
			w.(http.Flusher).Flush() // no length is announced
			_, _ = w.Write(make([]byte, artifact.MaxManifest+1))
			return true
		}, want: fault.ArtifactInvalid, text: "more than"},
		"a manifest that tells of no end": {lie: func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", oci)
			w.Header().Set("Content-Length", fmt.Sprint(int64(math.MaxInt64)))
			_, _ = w.Write([]byte("{"))
			return true
		}, want: fault.ArtifactInvalid, text: "more than"},
		"a manifest of schema 1":                    {lie: serve(isManifest, string(types.DockerManifestSchema1Signed), []byte(`{}`)), want: fault.ArtifactInvalid, text: "is no container image but"},
		"a manifest and an index at once":           {lie: serve(isManifest, oci, []byte(`{"config":{},"layers":[],"manifests":[]}`)), want: fault.ArtifactInvalid},
		"an index with layers":                      {lie: serve(isManifest, ociIndex, []byte(`{"layers":[],"manifests":[]}`)), want: fault.ArtifactInvalid},
		"a manifest that calls itself an index":     {lie: serve(isManifest, oci, []byte(`{"mediaType":"`+ociIndex+`"}`)), want: fault.ArtifactInvalid},
		"a manifest without a config":               {lie: serve(isManifest, oci, []byte(`{"layers":[]}`)), want: fault.ArtifactInvalid},
		"a config that says it is huge":             {lie: serve(isManifest, oci, fmt.Appendf(nil, `{"config":{"digest":"sha256:%064d","size":%d}}`, 1, artifact.MaxConfig+1)), want: fault.ArtifactInvalid},
		"an index that names a manifest not there":  {lie: serve(func(r *http.Request) bool { return isManifest(r) && !child(r) }, ociIndex, missing), want: fault.ArtifactInvalid, text: "the tag is there, its image is not"},
		"an index entry served with other bytes":    {lie: serve(child, string(types.DockerManifestSchema2), other), images: true, want: fault.DigestMismatch},
		"an image whose config has no platform":     {lie: nil, want: fault.PlatformNotFound},
		"an index with nothing but an attestation":  {lie: serve(isManifest, ociIndex, []byte(`{"manifests":[{"platform":{"os":"unknown","architecture":"unknown"}}]}`)), want: fault.PlatformNotFound},
		"a chart of Helm":                           {lie: serve(isManifest, oci, chart), want: fault.ArtifactInvalid, text: `is no container image but "application/vnd.cncf.helm.config.v1+json"`},
		"an index without a platform in an index":   {lie: serve(isManifest, ociIndex, fmt.Appendf(nil, `{"manifests":[{"mediaType":%q,"digest":"sha256:%064d","size":5}]}`, ociIndex, 1)), want: fault.PlatformNotFound, text: `only ["a further index"]`},
		"an index in an index":                      {lie: nested, want: fault.ArtifactInvalid, text: "has a further index for linux/amd64"},
		"an index entry without a platform":         {lie: serve(isManifest, ociIndex, fmt.Appendf(nil, `{"manifests":[{"digest":"sha256:%064d","size":5}]}`, 1)), want: fault.PlatformNotFound, text: `only ["no platform"]`},
		"an index that is an endless list of lists": {lie: serve(isManifest, ociIndex, []byte(`{"manifests":[[[[`)), want: fault.ArtifactInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			switch {
			case c.images:
				index(t, f, commitID)
			case !c.noTag:
				p := amd64
				if c.lie == nil {
					p = artifact.Platform{}
				}
				f.push(t, commitID, imageFor(p))
			}
			if c.lie != nil {
				f.lieWith(c.lie)
			}
			img, err := f.reader(t).Resolve(t.Context(), repo(), commit(), amd64)
			wantReason(t, err, c.want, c.retry)
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v lacks %q", err, c.text)
			}
			if c.want == fault.ArtifactInvalid && fault.HintOf(err) == "" {
				t.Errorf("%v has no hint", err)
			}
			if diff := cmp.Diff(artifact.Image{}, img, cmp.Comparer(func(a, b artifact.Image) bool { return a.Manifest == b.Manifest })); diff != "" {
				t.Error("an image came with the error")
			}
		})
	}
}

func redirect(w http.ResponseWriter, r *http.Request) bool {
	if strings.Contains(r.URL.Path, "/elsewhere/") {
		panic("followed")
	}
	http.Redirect(w, r, "/elsewhere/"+r.URL.Path, http.StatusTemporaryRedirect)
	return true
}

// The engine's own pull goes by the same order, which the integration test compares.
func TestAnIndexResolvesToTheNearestThatRuns(t *testing.T) {
	t.Parallel()
	level := func(n string) artifact.Platform {
		return artifact.Platform{OS: "linux", Architecture: "amd64", Variant: n}
	}
	for name, c := range map[string]struct {
		want    artifact.Platform
		entries []artifact.Platform
		chosen  int // -1 for none
	}{
		"a level before plain":         {amd64, []artifact.Platform{level("v3"), amd64}, 1},
		"a level alone":                {amd64, []artifact.Platform{level("v2")}, -1},
		"the first of equals":          {amd64, []artifact.Platform{level("v1"), amd64}, 0},
		"the highest that runs":        {level("v3"), []artifact.Platform{amd64, level("v2"), level("v4")}, 1},
		"its own level":                {level("v3"), []artifact.Platform{level("v2"), level("v3")}, 1},
		"a level that is none":         {level("v3"), []artifact.Platform{level("vx")}, -1},
		"arm64 without a variant":      {arm64, []artifact.Platform{{OS: "linux", Architecture: "arm64", Variant: "v9"}, {OS: "linux", Architecture: "arm64", Variant: "v8"}}, 1},
		"another system":               {amd64, []artifact.Platform{{OS: "windows", Architecture: "amd64"}, arm64}, -1},
		"an entry without a platform":  {amd64, []artifact.Platform{{}, amd64}, 1},
		"arm, of which none is wanted": {artifact.Platform{OS: "linux", Architecture: "arm"}, []artifact.Platform{{OS: "linux", Architecture: "arm", Variant: "v7"}}, 0},
	} {
		var list struct {
			Manifests []entry `json:"manifests"`
		}
		for i, p := range c.entries {
			list.Manifests = append(list.Manifests, entry{Digest: artifact.DigestOf([]byte{byte(i)}), Platform: p})
		}
		got, err := choose(document{bytes: must(json.Marshal(list))}, c.want)
		if c.chosen < 0 {
			wantReason(t, err, fault.PlatformNotFound, false)
			if fault.HintOf(err) == "" {
				t.Errorf("%s: %v has no hint", name, err)
			}
		} else if err != nil || got.Digest != list.Manifests[c.chosen].Digest {
			t.Errorf("%s: %s (%v)", name, got.Platform, err)
		}
	}
}
