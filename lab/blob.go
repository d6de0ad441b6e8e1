package lab

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// blob is a layer as it is stored, in a file: written once, hashed on the way,
// so that a layer of gigabytes costs neither memory nor a second pass.
type blob struct {
	path           string
	how            Compression
	digest, diffID v1.Hash
	size           int64
}

var _ v1.Layer = (*blob)(nil)

// newBlob writes the layer's tar to path, compressed as asked.
func newBlob(path string, l Layer, how Compression) (_ *blob, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write layer %s: %w", l.Name, err)
		}
	}()
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stored, unpacked := sha256.New(), sha256.New()
	file := bufio.NewWriterSize(io.MultiWriter(f, stored), 1<<20)
	packer, err := pack(file, how)
	if err != nil {
		return nil, err
	}
	if err := l.writeTar(io.MultiWriter(packer, unpacked)); err != nil {
		return nil, err
	}
	if err := errors.Join(packer.Close(), file.Flush()); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &blob{path: path, how: how, digest: sum(stored), diffID: sum(unpacked), size: info.Size()}, nil
}

func pack(w io.Writer, how Compression) (io.WriteCloser, error) {
	switch how {
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest))
	case None:
		return nopCloser{w}, nil
	default:
		return gzip.NewWriterLevel(w, gzip.BestSpeed)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.Sum(nil))}
}

// writeTar writes the layer as a tar with its only file in it.
func (l Layer) writeTar(w io.Writer) error {
	t := tar.NewWriter(w)
	folder := "layers/" + l.Name + "/"
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755, ModTime: buildTime()},
		{Typeflag: tar.TypeReg, Name: folder + "data", Mode: 0o644, Size: l.Size, ModTime: buildTime()},
	} {
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	if _, err := l.WriteTo(t); err != nil {
		return err
	}
	return t.Close()
}

func (b *blob) Digest() (v1.Hash, error) { return b.digest, nil }
func (b *blob) DiffID() (v1.Hash, error) { return b.diffID, nil }
func (b *blob) Size() (int64, error)     { return b.size, nil }

func (b *blob) Compressed() (io.ReadCloser, error) { return os.Open(b.path) }

func (b *blob) Uncompressed() (io.ReadCloser, error) {
	return nil, errors.New("the lab's layers are only read as they are stored")
}

func (b *blob) MediaType() (types.MediaType, error) {
	switch b.how {
	case Zstd:
		return types.OCILayerZStd, nil
	case None:
		return types.OCIUncompressedLayer, nil
	default:
		return types.OCILayer, nil
	}
}
