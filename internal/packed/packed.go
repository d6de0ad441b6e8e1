// Package packed finds how a layer's blob is compressed, by its first bytes, and unpacks
// it. Media types are not relied on: engines look at the content, too. It is pure.
package packed

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Form is how a blob is compressed.
type Form int

// The forms of blobs.
const (
	// Plain blobs are what they unpack to, or are compressed in a way that no engine reads.
	Plain Form = iota
	// Gzip blobs begin with a gzip member (RFC 1952, 2.3.1).
	Gzip
	// Zstd blobs begin with a zstd frame (RFC 8878, 3.1.1).
	Zstd
)

// Magic is how many bytes of a blob decide its form.
const Magic = 4

// Of returns the form of a blob that begins so; fewer bytes than [Magic] are all of it.
func Of(head []byte) Form {
	switch {
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return Zstd
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return Gzip
	}
	return Plain
}

// Open returns what a blob unpacks to. A zstd frame may make it hold window bytes: the
// levels up to 19 ask for 8 MiB, which each decoder should have (RFC 8878, 3.1.1.1.2). Its
// errors, and the reader's, are blob's or mean that the blob cannot be unpacked.
func Open(blob io.Reader, window uint64) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(blob, 64<<10)
	head, err := r.Peek(Magic)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch Of(head) {
	case Zstd:
		dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, err
		}
		return dec.IOReadCloser(), nil
	case Gzip:
		return gzip.NewReader(r)
	default:
		return io.NopCloser(r), nil
	}
}
