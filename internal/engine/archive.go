package engine

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// StagingLabel marks a prefix image, which keeps the first layers of an image that
// is not all here yet, and is of no other use. The label's value is the repository.
const StagingLabel = "artifact.unidesk.staging"

// configAnnotation carries the config's digest along with an image in containerd's
// store, whose inspect returns the manifest's digest only.
const configAnnotation = "artifact.unidesk.config"

// Archive is an image to load: all its layers are named, and the files of those
// that the engine lacks are inside.
//
// It is written in two forms at once, as `docker save` does: manifest.json, which
// the classic store reads, opening only the layers whose chain it lacks, and an
// OCI layout, which containerd's store prefers and which alone lets it accept a
// layer that it has already.
type Archive struct {
	// Tag is the only name that the image gets, or "" for none.
	Tag string

	manifest  []byte
	mediaType string
	config    []byte
	layers    []artifact.Layer
	files     []File
}

// File is the content of a layer, read when its turn comes.
type File struct {
	// Layer names the file inside the archive: the digest of the layer's blob, or its
	// diff id if the content is Unpacked.
	Layer artifact.Digest
	// Size is the exact number of bytes that Open gives.
	Size int64
	Open func() (io.ReadCloser, error)
	// Unpacked means that the content is the layer's tar and not its blob. The classic
	// store takes it for that (it looks at the content), containerd's cannot, so the
	// archive then has the first form only.
	Unpacked bool
}

// NewArchive returns the archive of the whole image with these files inside.
func NewArchive(image artifact.Image, tag string, files ...File) Archive {
	return Archive{
		Tag: tag, manifest: image.ManifestBytes, mediaType: image.ManifestMediaType, config: image.ConfigBytes,
		layers: image.Layers, files: files,
	}
}

// NewPrefix returns the archive of an image that is made of the first n layers and
// nothing else. It has no tag, and the same id each time it is made: the next process
// finds what a killed process had loaded.
func NewPrefix(image artifact.Image, n int, files ...File) Archive {
	layers := image.Layers[:n]
	diffIDs := make([]artifact.Digest, n)
	blobs := make([]descriptor, n)
	for i, l := range layers {
		diffIDs[i] = l.DiffID
		blobs[i] = descriptor{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size}
	}
	config := encode(struct {
		artifact.Platform
		Config any `json:"config"`
		RootFS any `json:"rootfs"`
	}{
		Platform: image.Platform,
		Config:   map[string]any{"Labels": map[string]string{StagingLabel: image.Repository.String()}},
		RootFS:   map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	mediaType, configType := "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"
	if strings.Contains(image.ManifestMediaType, "vnd.docker.") {
		mediaType, configType = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.container.image.v1+json"
	}
	manifest := encode(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, mediaType, descriptor{MediaType: configType, Digest: artifact.DigestOf(config), Size: int64(len(config))}, blobs})
	return Archive{manifest: manifest, mediaType: mediaType, config: config, layers: layers, files: files}
}

// ID is the id that the image has in that store once it is loaded.
func (a Archive) ID(s Store) string {
	if s == Containerd {
		return artifact.DigestOf(a.manifest).String()
	}
	return artifact.DigestOf(a.config).String()
}

// Reader returns the archive's bytes. Close may be called at any time.
func (a Archive) Reader() io.ReadCloser {
	config, manifest := artifact.DigestOf(a.config), artifact.DigestOf(a.manifest)
	oci := true
	for _, f := range a.files {
		oci = oci && !f.Unpacked
	}
	w := &tarReader{}
	w.bytes(blobPath(config), a.config)
	w.bytes("manifest.json", a.dockerIndex(config))
	if oci {
		w.bytes("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
		w.bytes(blobPath(manifest), a.manifest)
		w.bytes("index.json", a.ociIndex(manifest, config))
	}
	for _, f := range a.files {
		w.file(blobPath(f.Layer), f)
	}
	w.end()
	return w
}

// blobPath is where an OCI layout has a blob; manifest.json may name any path.
func blobPath(d artifact.Digest) string { return "blobs/sha256/" + d.Hex() }

func (a Archive) dockerIndex(config artifact.Digest) []byte {
	item := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: blobPath(config)}
	if a.Tag != "" {
		item.RepoTags = []string{a.Tag}
	}
	for _, l := range a.layers {
		item.Layers = append(item.Layers, blobPath(a.fileOf(l)))
	}
	return encode([]any{item})
}

// fileOf returns the name of the layer's file in manifest.json.
func (a Archive) fileOf(l artifact.Layer) artifact.Digest {
	for _, f := range a.files {
		if f.Unpacked && f.Layer == l.DiffID {
			return l.DiffID
		}
	}
	return l.Digest
}

func (a Archive) ociIndex(manifest, config artifact.Digest) []byte {
	d := descriptor{
		MediaType: a.mediaType, Digest: manifest, Size: int64(len(a.manifest)),
		Annotations: map[string]string{configAnnotation: config.String()},
	}
	if a.Tag != "" {
		d.Annotations["io.containerd.image.name"] = full(a.Tag)
		d.Annotations["org.opencontainers.image.ref.name"] = a.Tag[strings.LastIndex(a.Tag, ":")+1:]
	}
	return encode(map[string]any{"schemaVersion": 2, "manifests": []descriptor{d}})
}

// descriptor is OCI's.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      artifact.Digest   `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// encode writes what cannot fail: strings, numbers, maps and lists of them.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
