// Package corpus makes the images that transfers are measured with: real trees, real programs and real releases, from fixed
// versions and seeds, so that two runs move the same bytes. What it makes it keeps in the lab's cache.
//
// It needs the go command and a module proxy, or a module cache that holds what is named here. It is test support.
package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// version is raised when a recipe makes other bytes than before.
const version = 1

// Recipe makes a layer.
type Recipe struct {
	// Name is for people.
	Name string
	// key names all that the layer's bytes follow from.
	key   string
	write func(ctx context.Context, w io.Writer) error
}

// Image is layers, the lowest first.
type Image []Recipe

// Corpus makes layers and keeps them in a folder.
type Corpus struct {
	dir string
	how lab.Compression
}

// New keeps layers below the lab's cache, stored as asked: lab.Gzip for what an engine pushes, lab.None for layers that are
// published uncompressed.
func New(cache string, how lab.Compression) *Corpus {
	return &Corpus{dir: filepath.Join(cache, "corpus"), how: how}
}

// Layers makes an image's layers, those that are not in the cache. It takes a while.
func (c *Corpus) Layers(ctx context.Context, image Image) ([]v1.Layer, error) {
	var layers []v1.Layer
	for _, r := range image {
		l, err := c.layer(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("make layer %q: %w", r.Name, err)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

func (c *Corpus) layer(ctx context.Context, r Recipe) (*stored, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%s", version, c.how, r.key))
	path := filepath.Join(c.dir, fmt.Sprintf("%x", sum[:8]))
	l, err := read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	if l, err = write(ctx, path+".new", c.how, r.write); err != nil {
		return nil, errors.Join(err, os.Remove(path+".new"))
	}
	// The paper comes last: a layer without it is made again.
	if err := os.Rename(path+".new", path); err != nil {
		return nil, err
	}
	paper, err := json.Marshal(l)
	if err == nil {
		err = os.WriteFile(path+".json.new", paper, 0o644)
	}
	if err == nil {
		err = os.Rename(path+".json.new", path+".json")
	}
	l.path = path
	return l, err
}

func read(path string) (*stored, error) {
	paper, err := os.ReadFile(path + ".json")
	if err != nil {
		return nil, err
	}
	l := &stored{path: path}
	if err := json.Unmarshal(paper, l); err != nil {
		return nil, fmt.Errorf("read %s.json: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() != l.Stored {
		return nil, fmt.Errorf("%s has %d bytes, want %d: remove it", path, info.Size(), l.Stored)
	}
	return l, nil
}
