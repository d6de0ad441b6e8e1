package corpus

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// stored is a layer as the registry has it, in a file.
type stored struct {
	How      lab.Compression
	Hash, ID v1.Hash
	// Stored and Unpacked are bytes of the blob and of its tar.
	Stored, Unpacked int64

	path string
}

var _ v1.Layer = (*stored)(nil)

// write makes the blob at path. It keeps nothing in memory.
func write(ctx context.Context, path string, how lab.Compression, tar func(context.Context, io.Writer) error) (_ *stored, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	l := &stored{How: how, path: path}
	blob := &hashed{hash: sha256.New()}
	unpacked := &hashed{hash: sha256.New()}
	file := bufio.NewWriterSize(io.MultiWriter(f, blob), 1<<20)
	var into io.Writer = file
	pack := io.Closer(nopCloser{})
	if how == lab.Gzip {
		// An engine compresses at the usual level when it pushes.
		z := gzip.NewWriter(file)
		into, pack = z, z
	}
	if err := tar(ctx, io.MultiWriter(into, unpacked)); err != nil {
		return nil, err
	}
	if err := errors.Join(pack.Close(), file.Flush()); err != nil {
		return nil, err
	}
	l.Hash, l.Stored = blob.sum(), blob.n
	l.ID, l.Unpacked = unpacked.sum(), unpacked.n
	return l, nil
}

// hashed counts and hashes what is written to it.
type hashed struct {
	hash hash.Hash
	n    int64
}

func (h *hashed) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.hash.Write(p)
}

func (h *hashed) sum() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(h.hash.Sum(nil))}
}

type nopCloser struct{}

func (nopCloser) Close() error { return nil }

func (s *stored) Digest() (v1.Hash, error)           { return s.Hash, nil }
func (s *stored) DiffID() (v1.Hash, error)           { return s.ID, nil }
func (s *stored) Size() (int64, error)               { return s.Stored, nil }
func (s *stored) Compressed() (io.ReadCloser, error) { return os.Open(s.path) }

func (s *stored) Uncompressed() (io.ReadCloser, error) {
	f, err := os.Open(s.path)
	if err != nil || s.How != lab.Gzip {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return unpacking{z, f}, nil
}

type unpacking struct {
	*gzip.Reader
	file *os.File
}

func (u unpacking) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

func (s *stored) MediaType() (types.MediaType, error) {
	if s.How == lab.Gzip {
		return types.OCILayer, nil
	}
	return types.OCIUncompressedLayer, nil
}
