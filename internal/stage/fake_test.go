package stage_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// fakeEngine does with an archive what the two stores do, as read in moby's
// image/tarexport/load.go and daemon/containerd/image_exporter.go, and seen on
// 20.10.24 and 28.5.2: the classic store opens a layer's file only if its chain is
// missing, containerd's takes blobs and accepts an archive that lacks some.
type fakeEngine struct {
	info engine.Info
	// cache are chains that no image shows: the build cache's.
	cache []string
	// before is called with the number of each load, from 1, before it is done.
	before func(n int) error

	mu      sync.Mutex
	images  map[string]*engine.Image
	blobs   map[string]bool // containerd's content
	loads   []string        // what was in each archive: its files, in order
	loading bool
	// interrupted is true if a load was to stop before its end.
	interrupted bool
}

func newFake(store engine.Store) *fakeEngine {
	return &fakeEngine{
		info:   engine.Info{Version: "28.5.2", APIVersion: "1.51", Store: store},
		images: map[string]*engine.Image{}, blobs: map[string]bool{},
	}
}

func (f *fakeEngine) Info(context.Context) (engine.Info, error) { return f.info, nil }

func (f *fakeEngine) Image(_ context.Context, ref string) (engine.Image, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, i := range f.images {
		if id == ref || slices.Contains(i.Tags, ref) {
			return *i, nil
		}
	}
	return engine.Image{}, fault.New(fault.EngineFailed, "inspect %s: %w", ref, engine.ErrNotFound)
}

func (f *fakeEngine) AllImages(context.Context) (all []engine.Image, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.images {
		all = append(all, *i)
	}
	return all, nil
}

func (f *fakeEngine) ImagesWithLabel(ctx context.Context, label string) ([]engine.Image, error) {
	all, err := f.AllImages(ctx)
	return slices.DeleteFunc(all, func(i engine.Image) bool { return i.Labels[label] == "" }), err
}

func (f *fakeEngine) Tag(_ context.Context, id, ref string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.images[id].Tags = append(f.images[id].Tags, ref)
	return nil
}

func (f *fakeEngine) Untag(_ context.Context, ref string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, i := range f.images {
		if slices.Contains(i.Tags, ref) {
			delete(f.images, id)
		}
	}
	return nil
}

func (f *fakeEngine) RemoveImage(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.images, id)
	return nil
}

// prune does what `docker image prune` does.
func (f *fakeEngine) prune() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, i := range f.images {
		if len(i.Tags) == 0 {
			delete(f.images, id)
		}
	}
}

func (f *fakeEngine) Load(ctx context.Context, a engine.Archive, _ time.Duration) (engine.Loaded, error) {
	f.mu.Lock()
	if f.loading {
		panic("two loads at once")
	}
	f.loading = true
	f.loads = append(f.loads, "")
	n := len(f.loads)
	f.mu.Unlock()
	var err error
	if f.before != nil {
		err = f.before(n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loading = false
	f.interrupted = f.interrupted || ctx.Err() != nil
	if err != nil {
		return engine.Loaded{}, err
	}
	r := a.Reader()
	defer r.Close()
	content := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return engine.Loaded{}, err
		}
		if _, twice := content[h.Name]; twice {
			return engine.Loaded{}, fault.New(fault.EngineFailed, "%s is in the archive twice", h.Name)
		}
		if content[h.Name], err = io.ReadAll(tr); err != nil {
			return engine.Loaded{}, err
		}
	}
	if f.info.Store == engine.Containerd {
		return engine.Loaded{}, f.importLayout(n, content)
	}
	return engine.Loaded{}, f.loadDocker(n, content)
}

func (f *fakeEngine) loadDocker(n int, content map[string][]byte) error {
	var m []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(content["manifest.json"], &m); err != nil {
		return err
	}
	img, err := f.parseConfig(content[m[0].Config])
	if err != nil {
		return err
	}
	var chain []string
	for i, path := range m[0].Layers {
		chain = append(chain, img.DiffIDs[i].String())
		if f.hasChain(chain) {
			continue
		}
		b, ok := content[path]
		if !ok {
			return fault.New(fault.EngineFailed, "%w", &engine.Refusal{Message: fmt.Sprintf("open /var/lib/docker/tmp/docker-import-1/%s: no such file or directory", path)})
		}
		f.loads[n-1] += fmt.Sprint(i)
		if got := artifact.DigestOf(f.unpack(b)); got != img.DiffIDs[i] {
			return fault.New(fault.DigestMismatch, "invalid diffID for layer %d: expected %q, got %q", i, img.DiffIDs[i], got)
		}
	}
	img.Config = artifact.DigestOf(content[m[0].Config])
	f.create(img.Config.String(), img, m[0].RepoTags)
	return nil
}

func (f *fakeEngine) importLayout(n int, content map[string][]byte) error {
	for path, b := range content {
		if hex, ok := strings.CutPrefix(path, "blobs/sha256/"); ok {
			if artifact.DigestOf(b).Hex() != hex {
				return fault.New(fault.EngineFailed, "unexpected commit digest for %s", path)
			}
			f.blobs["sha256:"+hex] = true
		}
	}
	var index, m struct {
		Manifests []struct {
			Digest      artifact.Digest
			Annotations map[string]string
		}
		Config struct{ Digest artifact.Digest }
		Layers []struct{ Digest artifact.Digest }
	}
	if err := json.Unmarshal(content["index.json"], &index); err != nil {
		return err
	}
	d := index.Manifests[0]
	if err := json.Unmarshal(content["blobs/sha256/"+d.Digest.Hex()], &m); err != nil {
		return err
	}
	img, err := f.parseConfig(content["blobs/sha256/"+m.Config.Digest.Hex()])
	if err != nil {
		return err
	}
	for i, l := range m.Layers {
		img.Complete = img.Complete && f.blobs[l.Digest.String()]
		if _, ok := content["blobs/sha256/"+l.Digest.Hex()]; ok {
			f.loads[n-1] += fmt.Sprint(i)
		}
	}
	var tags []string
	if name, ok := strings.CutPrefix(d.Annotations["io.containerd.image.name"], "docker.io/library/"); ok {
		tags = []string{name}
	}
	f.create(d.Digest.String(), img, tags)
	return nil
}

func (f *fakeEngine) parseConfig(b []byte) (engine.Image, error) {
	var c struct {
		Config struct{ Labels map[string]string }
		RootFS struct {
			DiffIDs []artifact.Digest `json:"diff_ids"`
		}
	}
	err := json.Unmarshal(b, &c)
	return engine.Image{Labels: c.Config.Labels, DiffIDs: c.RootFS.DiffIDs, Complete: true}, err
}

func (f *fakeEngine) create(id string, img engine.Image, tags []string) {
	img.ID, img.Tags = id, tags
	f.images[id] = &img
}

func (f *fakeEngine) hasChain(chain []string) bool {
	if len(chain) <= len(f.cache) && slices.Equal(chain, f.cache[:len(chain)]) {
		return true
	}
	for _, i := range f.images {
		if len(i.DiffIDs) < len(chain) {
			continue
		}
		same := true
		for k, d := range chain {
			same = same && i.DiffIDs[k].String() == d
		}
		if same {
			return true
		}
	}
	return false
}

// unpack sniffs, as archive.DecompressStream does; zstd only since 23.0.
func (f *fakeEngine) unpack(b []byte) []byte {
	if r, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
		b, _ = io.ReadAll(r)
	} else if f.info.Speaks(1, 42) {
		d, _ := zstd.NewReader(nil)
		defer d.Close()
		if plain, err := d.DecodeAll(b, nil); err == nil {
			return plain
		}
	}
	return b
}
