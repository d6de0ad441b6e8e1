package packed_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/packed"
)

func TestABlobIsKnownByItsFirstBytesAndUnpacked(t *testing.T) {
	t.Parallel()
	content := []byte(strings.Repeat("the same words again; ", 10_000))
	var zipped bytes.Buffer
	z := stdgzip.NewWriter(&zipped)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		blob, want []byte
		form       packed.Form
	}{
		"gzip":                {zipped.Bytes(), content, packed.Gzip},
		"gzip twice":          {bytes.Repeat(zipped.Bytes(), 2), bytes.Repeat(content, 2), packed.Gzip},
		"zstd":                {enc.EncodeAll(content, nil), content, packed.Zstd},
		"not compressed":      {content, content, packed.Plain},
		"shorter than a form": {[]byte("\x28\xb5"), []byte("\x28\xb5"), packed.Plain},
		"nothing":             {nil, nil, packed.Plain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := packed.Of(c.blob[:min(len(c.blob), packed.Magic)]); got != c.form {
				t.Errorf("form %d, want %d", got, c.form)
			}
			r, err := packed.Open(iotest.OneByteReader(bytes.NewReader(c.blob)), 8<<20)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, c.want) {
				t.Errorf("%d bytes, want %d (%v)", len(got), len(c.want), err)
			}
		})
	}
}

func TestWhatCannotBeUnpackedIsAnError(t *testing.T) {
	t.Parallel()
	gone := errors.New("the registry went away")
	if _, err := packed.Open(iotest.ErrReader(gone), 8<<20); !errors.Is(err, gone) {
		t.Errorf("a reader that fails: %v", err)
	}
	var wide bytes.Buffer
	w, err := zstd.NewWriter(&wide, zstd.WithWindowSize(16<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 20<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, blob := range map[string][]byte{"a torn gzip": []byte("\x1f\x8b\x08"), "a torn zstd": []byte("\x28\xb5\x2f\xfd\x04"), "a window of 16 MiB": wide.Bytes()} {
		r, err := packed.Open(bytes.NewReader(blob), 8<<20)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			_ = r.Close()
		}
		if err == nil {
			t.Errorf("%s is unpacked", name)
		}
	}
}
