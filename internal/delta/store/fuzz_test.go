package store_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
)

// Whatever is in the place of a copy, it is refused, or read within its size. With a
// number of frames, the bytes are sealed as a copy's are, so that what is behind the
// checksum is reached: so many frames of equal size, then an index.
func FuzzAFileIsACopyOrIsRefused(f *testing.F) {
	s := newStore(f, 1<<30)
	l := newLayer(f, 1, store.FrameSize+1000, "")
	add(f, s, l)
	copied, err := os.ReadFile(s.Path(l.id))
	must(f, err)
	f.Add(copied, uint8(0), uint64(0), uint32(0))
	f.Add(copied[:len(copied)-1], uint8(0), uint64(0), uint32(0))
	f.Add([]byte(nil), uint8(0), uint64(0), uint32(0))
	// The frames and the index of a copy, with a wrong and the right size.
	const trailer = 2*8 + 32 + 16
	index := int(binary.LittleEndian.Uint64(copied[len(copied)-trailer+8:]))
	first := int(binary.LittleEndian.Uint32(copied[len(copied)-trailer-index-8:]))
	body := append(bytes.Clone(copied[:first]), copied[len(copied)-trailer-index:len(copied)-trailer]...)
	f.Add(body, uint8(1), uint64(store.FrameSize), uint32(first))
	f.Add(body, uint8(2), uint64(len(l.b)), uint32(first/2))
	f.Add([]byte("x"), uint8(200), uint64(1)<<32, uint32(0))
	small := store.New(f.TempDir(), 1<<30)
	at := artifact.DigestOf(nil)
	must(f, os.MkdirAll(filepath.Dir(small.Path(at)), 0o700))
	f.Fuzz(func(t *testing.T, b []byte, frames uint8, size uint64, each uint32) {
		if n := int(frames) * int(each); frames > 0 && n <= len(b) {
			table := make([]uint32, frames)
			for i := range table {
				table[i] = uint32(each)
			}
			b = append(bytes.Clone(b[:n]), store.Seal(int64(size), table, b[n:])...)
		}
		must(t, os.WriteFile(small.Path(at), b, 0o600))
		size64, ok := small.Size(at)
		o, err := small.Open(at)
		if err != nil {
			return
		}
		defer o.Close()
		if !ok || size64 < 0 || size64 > 4<<30 {
			t.Errorf("a copy of size %d, %t is opened", size64, ok)
		}
		p := make([]byte, 1000)
		for _, from := range []int64{0, store.FrameSize - 10, size64 - 10, size64} {
			if n, err := o.ReadAt(p, from); err == nil && n < len(p) || int64(n) > max(0, size64-from) && from >= 0 {
				t.Errorf("%d bytes at %d of %d, %v", n, from, size64, err)
			}
		}
	})
}
