package engine_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
)

// testImage has three layers whose blobs are "one", "two" and "three".
func testImage(t *testing.T) artifact.Image {
	t.Helper()
	type object = map[string]any
	var blobs []object
	var diffIDs []string
	for _, s := range []string{"one", "two", "three"} {
		blobs = append(blobs, object{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": artifact.DigestOf([]byte(s)), "size": len(s)})
		diffIDs = append(diffIDs, artifact.DigestOf([]byte("plain "+s)).String())
	}
	config, _ := json.Marshal(object{"os": "linux", "architecture": "amd64", "rootfs": object{"type": "layers", "diff_ids": diffIDs}})
	manifest, _ := json.Marshal(object{"schemaVersion": 2, "config": object{"digest": artifact.DigestOf(config), "size": len(config)}, "layers": blobs})
	repo, err := artifact.ParseRepository("unidesk/x")
	if err != nil {
		t.Fatal(err)
	}
	img, err := artifact.ParseImage(artifact.Raw{
		Repository: repo, ManifestBytes: manifest, ConfigBytes: config,
		Manifest: artifact.DigestOf(manifest), ManifestMediaType: "application/vnd.oci.image.manifest.v1+json",
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func file(content string) engine.File {
	return engine.File{Layer: artifact.DigestOf([]byte(content)), Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

// entries reads an archive with a small buffer, so that every seam is crossed.
func entries(t *testing.T, a engine.Archive) (names []string, content map[string]string) {
	t.Helper()
	r := a.Reader()
	defer r.Close()
	content = map[string]string{}
	tr := tar.NewReader(io.MultiReader(onlyRead{r}))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names, content
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		names, content[h.Name] = append(names, h.Name), string(b)
	}
}

type onlyRead struct{ r io.Reader }

func (o onlyRead) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 7)]) }

func path(d artifact.Digest) string { return "blobs/sha256/" + d.Hex() }

func TestAnArchiveNamesAllLayersAndHoldsSome(t *testing.T) {
	t.Parallel()
	img := testImage(t)
	names, content := entries(t, engine.NewArchive(img, "x:1", file("three")))
	want := []string{path(img.Config), "manifest.json", "oci-layout", path(img.Manifest), "index.json", path(img.Layers[2].Digest)}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantContent := map[string]string{
		path(img.Config): string(img.ConfigBytes),
		"manifest.json": `[{"Config":"` + path(img.Config) + `","RepoTags":["x:1"],"Layers":["` +
			path(img.Layers[0].Digest) + `","` + path(img.Layers[1].Digest) + `","` + path(img.Layers[2].Digest) + `"]}]`,
		"oci-layout":       `{"imageLayoutVersion":"1.0.0"}`,
		path(img.Manifest): string(img.ManifestBytes),
		"index.json": `{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + img.Manifest.String() + `","size":` +
			itoa(len(img.ManifestBytes)) + `,"annotations":{"artifact.unidesk.config":"` + img.Config.String() +
			`","io.containerd.image.name":"docker.io/library/x:1","org.opencontainers.image.ref.name":"1"}}],"schemaVersion":2}`,
		path(img.Layers[2].Digest): "three",
	}
	if diff := cmp.Diff(wantContent, content); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestAnUnpackedLayerIsForTheClassicStoreOnly(t *testing.T) {
	t.Parallel()
	img := testImage(t)
	f := file("plain three")
	f.Unpacked = true
	names, content := entries(t, engine.NewArchive(img, "", f))
	tar := path(img.Layers[2].DiffID)
	if diff := cmp.Diff([]string{path(img.Config), "manifest.json", tar}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if want := `"` + path(img.Layers[1].Digest) + `","` + tar + `"]`; !strings.Contains(content["manifest.json"], want) {
		t.Errorf("%s has no %s", content["manifest.json"], want)
	}
}

func TestAPrefixIsAnImageOfItsOwn(t *testing.T) {
	t.Parallel()
	img := testImage(t)
	a := engine.NewPrefix(img, 2, file("two"))
	config := strings.TrimPrefix(a.ID(engine.Classic), "sha256:")
	manifest := strings.TrimPrefix(a.ID(engine.Containerd), "sha256:")
	names, content := entries(t, a)
	want := []string{"blobs/sha256/" + config, "manifest.json", "oci-layout", "blobs/sha256/" + manifest, "index.json", path(img.Layers[1].Digest)}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	wantConfig := `{"os":"linux","architecture":"amd64","config":{"Labels":{"artifact.unidesk.staging":"unidesk/x"}},"rootfs":{"diff_ids":["` +
		img.Layers[0].DiffID.String() + `","` + img.Layers[1].DiffID.String() + `"],"type":"layers"}}`
	if diff := cmp.Diff(wantConfig, content[names[0]]); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if strings.Contains(content["manifest.json"], `"RepoTags":[`) || strings.Contains(content["index.json"], "image.name") {
		t.Errorf("has a name: %s %s", content["manifest.json"], content["index.json"])
	}
	if again := engine.NewPrefix(img, 2); again.ID(engine.Classic) != a.ID(engine.Classic) {
		t.Error("not the same id again")
	}
}

func TestAFileOfAnotherSizeEndsTheArchive(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{4, 6} {
		f := file("three")
		f.Size = size
		r := engine.NewArchive(testImage(t), "", f).Reader()
		if _, err := io.Copy(io.Discard, r); err == nil || !strings.Contains(err.Error(), "not as long") {
			t.Errorf("error %v", err)
		}
		_ = r.Close()
		if _, err := r.Read(make([]byte, 1)); err == nil {
			t.Error("reads after it was closed")
		}
	}
}
