//go:build e2e

package e2e

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// loaded is how long the master's engine takes for releases from local files, each with the layers that the engine lacks: no
// transfer into it can be shorter.
func loaded(t *testing.T, installed lab.Summary, releases []lab.Summary) (all time.Duration) {
	t.Helper()
	forget(t, noted)
	has := map[v1.Hash]bool{}
	if installed.SourceCommit != "" {
		stop := tunnelled(t)
		_, err := docker(t, "pull", "--quiet", installed.ImageRef)
		stop()
		must(t, err)
		mark(t, has, imageOf(t, installed.ServiceID, installed.SourceCommit))
	}
	for _, r := range releases {
		image := imageOf(t, r.ServiceID, r.SourceCommit)
		file := filepath.Join(t.TempDir(), "image.tar")
		archive(t, file, r.ImageRef, image, has)
		must(t, two.Master.CopyIn(t.Context(), file, "/root/image.tar", 0o600))
		must(t, os.Remove(file))
		must(t, each(t.Context(), two.Master, "sync"))
		began := time.Now()
		_, err := docker(t, "load", "--quiet", "--input", "/root/image.tar")
		all += time.Since(began)
		must(t, err)
		mark(t, has, image)
		must(t, each(t.Context(), two.Master, "rm /root/image.tar"))
	}
	return all
}

func mark(t *testing.T, has map[v1.Hash]bool, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	must(t, err)
	for _, id := range chain(config) {
		has[id] = true
	}
}

// chain is what the engine knows each layer by: the layer and all below it.
func chain(config *v1.ConfigFile) (ids []v1.Hash) {
	below := ""
	for _, id := range config.RootFS.DiffIDs {
		below += id.Hex
		sum, _, _ := v1.SHA256(strings.NewReader(below))
		ids = append(ids, sum)
	}
	return ids
}

// archive is what docker load takes, without the layers that the engine has.
func archive(t *testing.T, file, ref string, image v1.Image, has map[v1.Hash]bool) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	w := tar.NewWriter(f)
	put := func(name string, size int64, content io.Reader) {
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}))
		_, err := io.Copy(w, content)
		must(t, err)
	}
	config, err := image.ConfigFile()
	must(t, err)
	raw, err := image.RawConfigFile()
	must(t, err)
	layers, err := image.Layers()
	must(t, err)
	var names []string
	for i, id := range chain(config) {
		name := config.RootFS.DiffIDs[i].Hex + ".tar"
		names = append(names, name)
		if has[id] {
			continue
		}
		unpacked := filepath.Join(filepath.Dir(file), "layer")
		size := unpack(t, layers[i], unpacked)
		content, err := os.Open(unpacked)
		must(t, err)
		put(name, size, content)
		must(t, content.Close())
	}
	put("config.json", int64(len(raw)), strings.NewReader(string(raw)))
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{ref}, "Layers": names}})
	must(t, err)
	put("manifest.json", int64(len(manifest)), strings.NewReader(string(manifest)))
	must(t, w.Close())
	must(t, f.Close())
}

func unpack(t *testing.T, l v1.Layer, path string) (size int64) {
	t.Helper()
	from, err := l.Uncompressed()
	must(t, err)
	defer from.Close()
	f, err := os.Create(path)
	must(t, err)
	size, err = io.Copy(f, from)
	must(t, err)
	must(t, f.Close())
	return size
}
