package store

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What a blob begins with (RFC 1952, 2.3.1; RFC 8878, 3.1.1). Media types are not relied
// on: engines look at the content too.
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// maxWindow bounds what a zstd blob may make the agent hold: levels up to 19 ask for it,
// and each decoder should have it (RFC 8878, 3.1.1.1.2).
const maxWindow = 8 << 20

// unpacked returns the content of a layer's blob. Its errors are those of the blob, or of
// a blob that cannot be unpacked.
func unpacked(blob io.Reader) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(blob, 64<<10)
	head, err := r.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case string(head) == zstdMagic:
		dec, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return dec.IOReadCloser(), nil
	case strings.HasPrefix(string(head), gzipMagic):
		return gzip.NewReader(r)
	}
	return io.NopCloser(r), nil
}
