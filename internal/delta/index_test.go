package delta_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
)

func TestWhatIsNoTarIsRefused(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	file := pack(t, []file{{name: "name", kind: '0', body: []byte("content")}}, nil)
	spoiled := bytes.Clone(file)
	spoiled[3]++
	for name, b := range map[string][]byte{
		"nothing": nil, "a byte": {0}, "half a header": file[:300], "half a block of zeros": make([]byte, 100), "noise": noise(r, 5000),
		"gzip": append([]byte("\x1f\x8b\x08"), noise(r, 2000)...), "a header with a byte changed": spoiled, "zeros that end": append(make([]byte, 511), 1),
	} {
		if err := tried(b); !errors.Is(err, delta.ErrNotTar) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"an empty tar": make([]byte, 1024), "a block": make([]byte, 512), "a header alone": file[:512], "half a file": file[:515],
		"noise behind it": append(bytes.Clone(file), noise(r, 999)...),
	} {
		if err := tried(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATarOfTooManyMembersIsRefused(t *testing.T) {
	t.Parallel()
	entry := pack(t, []file{{name: "dir/", kind: tar.TypeDir}}, []byte{})
	many := bytes.Repeat(entry, 2000)
	i := delta.NewIndexer()
	var err error
	n := 0
	for ; err == nil && n < 200; n++ {
		_, err = i.Write(many)
	}
	if !errors.Is(err, delta.ErrTooLarge) || n < 50 {
		t.Errorf("%v after %d entries", err, n*2000)
	}
	if _, err := i.Close(); !errors.Is(err, delta.ErrTooLarge) {
		t.Errorf("%v of an index that is too large", err)
	}
}

// TestAMemberIsOneRunAndOnePayload counts members by what an index of them weighs.
func TestAMemberIsOneRunAndOnePayload(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	weigh := func(files ...file) int {
		b, err := index(t, pack(t, files, nil)).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	plain := file{name: "name", kind: '0', body: []byte("content")}
	one, two := weigh(plain), weigh(plain, plain)
	long := "folder" + strings.Repeat("/long", 80)
	for name, f := range map[string]file{
		"a long name of PAX": {name: long, kind: '0', body: plain.body, format: tar.FormatPAX},
		"a long name of GNU": {name: long, kind: '0', body: plain.body, format: tar.FormatGNU},
		"attributes":         {name: "name", kind: '0', body: plain.body, format: tar.FormatPAX, pax: map[string]string{"SCHILY.xattr.user.x": "y"}},
		"a global header":    {name: "pax", kind: tar.TypeXGlobalHeader, format: tar.FormatPAX, pax: map[string]string{"comment": "x"}},
		"a sparse file":      {raw: sparse("sparse", r)},
		"a long link of GNU": {name: "name", kind: tar.TypeSymlink, link: long, format: tar.FormatGNU},
	} {
		want := two
		if f.kind == tar.TypeXGlobalHeader {
			want = one
		}
		if got := weigh(f, plain); max(got, want)-min(got, want) > 20 {
			t.Errorf("%s: %d bytes of index, %d with a plain file in its place", name, got, want)
		}
	}
}

func TestASpoiledIndexIsRefused(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	b, err := index(t, pack(t, append(tree(r, 3, 500), file{name: "big", kind: '0', body: noise(r, 300_000)}), nil)).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		x := new(delta.Index)
		if err := x.UnmarshalBinary(b); !errors.Is(err, delta.ErrCorrupt) || x.Size() != 0 {
			t.Errorf("%s: %v, an index of %d bytes", what, err, x.Size())
		}
	}
	for i := range b {
		refused("a byte less", b[:i])
		spoiled := bytes.Clone(b)
		spoiled[i]++
		refused("a byte changed", spoiled)
	}
	// Counts that lie, with a checksum that does not.
	refused("members without an end", sealed([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}))
	refused("chunks without an end", sealed([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}))
	refused("bytes behind the end", sealed([]byte{1, 0, 0, 0}))
	vast := binary.AppendUvarint([]byte{1, 1, 1, 1}, 1<<33)
	vast = append(append(vast, 1), make([]byte, 8+16+8+3*4+16)...)
	refused("a chunk that is vast", sealed(binary.AppendUvarint(vast, 1<<33)))
	less := binary.AppendUvarint([]byte{1, 1, 1, 1}, 1024)
	less = append(append(less, 1), make([]byte, 8+16+8+3*4+16)...)
	refused("chunks of less than their member", sealed(binary.AppendUvarint(less, 512)))
	refused("another format", sealed([]byte{2, 0, 0}))
	body := b[:len(b)-4]
	for i := range body {
		spoiled := bytes.Clone(body)
		spoiled[i] ^= 0x80
		x := new(delta.Index)
		if err := x.UnmarshalBinary(sealed(spoiled)); err != nil && !errors.Is(err, delta.ErrCorrupt) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}
