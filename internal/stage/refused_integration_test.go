//go:build integration

package stage_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/stage"
)

// gzipWithMore is a layer with more behind its gzip stream.
func gzipWithMore(tb testing.TB, content []byte, more string) v1.Layer {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	plain, err := static.NewLayer(content, types.OCIUncompressedLayer).Digest()
	if err != nil {
		tb.Fatal(err)
	}
	return zstdLayer{static.NewLayer(append(b.Bytes(), more...), types.OCILayer), plain}
}

// configured is the product with another config.
func (p product) configured(tb testing.TB, change func(config map[string]any)) product {
	tb.Helper()
	edit := func(b []byte, change func(map[string]any)) []byte {
		m := map[string]any{}
		if err := json.Unmarshal(b, &m); err != nil {
			tb.Fatal(err)
		}
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	raw := artifact.Raw{Repository: p.Repository, Commit: p.Commit, ManifestMediaType: p.ManifestMediaType, ConfigBytes: edit(p.ConfigBytes, change)}
	raw.ManifestBytes = edit(p.ManifestBytes, func(m map[string]any) {
		c := m["config"].(map[string]any)
		c["digest"], c["size"] = artifact.DigestOf(raw.ConfigBytes), len(raw.ConfigBytes)
	})
	raw.Manifest = artifact.DigestOf(raw.ManifestBytes)
	var err error
	if p.Image, err = artifact.ParseImage(raw); err != nil {
		tb.Fatal(err)
	}
	return p
}

// What a real engine refuses is named, with the next act.
func TestARefusedLoadNamesWhatIsRefused(t *testing.T) {
	c := newEngine(t, realEngine(t))
	good := gzipLayer(t, files(1, 1<<20))
	for name, bad := range map[string]v1.Layer{
		"garbage behind a gzip stream": gzipWithMore(t, files(2, 1<<20), "and more"),
		"no tar":                       gzipWithMore(t, bytes.Repeat([]byte("no tar. "), 4096), ""),
	} {
		t.Run(name, func(t *testing.T) {
			p := newProduct(t, good, bad)
			_, err := stage.New(c, newSpool(t, 0), p.source()).Stage(t.Context(), p.Image, p.tag(), (&record{}).emit)
			t.Logf("%v", err)
			if err == nil { // some stores read what is right and leave the rest
				t.Skip("this engine takes it")
			}
			if fault.ReasonOf(err) != fault.ArtifactInvalid || !strings.Contains(err.Error(), p.Layers[1].Digest.String()) || strings.Contains(err.Error(), p.Layers[0].Digest.String()) ||
				!strings.Contains(fault.HintOf(err), "publish") {
				t.Errorf("%s: %v (%s)", fault.ReasonOf(err), err, fault.HintOf(err))
			}
		})
	}
	t.Run("a config that the engine cannot read", func(t *testing.T) {
		p := newProduct(t, good).configured(t, func(m map[string]any) { m["created"] = "" })
		_, err := stage.New(c, newSpool(t, 0), p.source()).Stage(t.Context(), p.Image, p.tag(), (&record{}).emit)
		t.Logf("%v", err)
		if err == nil || !strings.Contains(err.Error(), "the engine refused the image of "+p.Commit.Short()) || !strings.Contains(fault.HintOf(err), p.Config.String()) {
			t.Errorf("%s: %v (%s)", fault.ReasonOf(err), err, fault.HintOf(err))
		}
	})
}
