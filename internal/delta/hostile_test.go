package delta_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
)

// ops returns the ops of a batch with a text as it is and frames of groups.
func ops(text, frames []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(text))<<1)
	return append(append(b, text...), frames...)
}

// text returns a text of groups and operations: numbers below 128, or bytes.
func text(groups, operations []byte) []byte {
	return append(append(binary.AppendUvarint(nil, uint64(len(groups))), groups...), operations...)
}

// group returns what a text has of a group of a single range, or of none.
func group(base uint64, offset int64, length, output, frame uint64) []byte {
	b := []byte{0}
	if length > 0 {
		b = binary.AppendUvarint(binary.AppendVarint(binary.AppendUvarint([]byte{1}, base), offset), length)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, output), frame)
}

// frame returns a zstd frame without its magic.
func frame(t testing.TB, content []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(content, nil)[4:]
}

// number returns a byte of an operation and a number.
func number(op byte, n uint64) []byte { return binary.AppendUvarint([]byte{op}, n) }

type hostile struct {
	name  string
	batch delta.Batch
}

// hostiles are batches that no correct sender makes, on one base of 4096 bytes.
func hostiles(t testing.TB) []hostile {
	content := bytes.Repeat([]byte("content "), 128)
	packed := frame(t, content)
	bomb := frame(t, make([]byte, 64<<20))
	endless := append(append([]byte{0x04, 0x58}, bytes.Repeat([]byte{0x02, 0, 0x10, 0}, 5000)...), 0x03, 0, 0x10, 0) // blocks of 128 KiB
	take := number(4, 1024)
	// Two differences, two bytes and three bytes apart.
	differ := frame(t, []byte{2, 3, 1, 1, 1, 2, 1, 2, 1, 3})
	differing := group(0, 0, 0, 10, uint64(len(differ)))
	add := []byte{6, 2, 2, 5, 10}
	in := func(name string, length int64, ops []byte) hostile {
		return hostile{name, delta.Batch{Length: length, Ops: ops}}
	}
	return []hostile{
		in("nothing", 1, nil),
		in("no output", 0, ops(text(nil, nil), nil)),
		in("output without an end", math.MaxInt64, ops(text(nil, number(1, 4096)), nil)),
		in("too long", 1, ops(text(nil, append(number(3, 300_000), make([]byte, 300_000)...)), nil)),
		{"a negative offset", delta.Batch{Offset: -1, Length: 1, Ops: ops(text(nil, []byte{3, 1, 'x'}), nil)}},
		in("text ends early", 3, []byte{200}),
		in("text has no groups", 3, ops([]byte{100}, nil)),
		in("unknown operation", 3, ops(text(nil, []byte{7}), nil)),
		in("unknown flag", 1, ops(text(nil, []byte{0x83, 1, 'x'}), nil)),
		in("checksum of a copy", 1, ops(text(nil, number(0x21, 1)), nil)),
		in("base of a literal", 1, ops(text(nil, []byte{0x0b, 0, 1, 'x'}), nil)),
		in("unknown base", 1, ops(text(nil, []byte{0x09, 1, 1}), nil)),
		in("base beyond all", 1, ops(text(nil, append(number(0x09, math.MaxUint64), 1)), nil)),
		in("copy of nothing", 1, ops(text(nil, append(number(1, 0), number(1, 1)...)), nil)),
		in("copy behind the base", 5000, ops(text(nil, number(1, 4097)), nil)),
		in("copy before the base", 1, ops(text(nil, []byte{0x11, 1, 1}), nil)),
		in("copy where numbers wrap", 1, ops(text(nil, append(append([]byte{0x11}, binary.AppendVarint(nil, math.MaxInt64)...), 1)), nil)),
		in("copy of too much", 10, ops(text(nil, number(1, 11)), nil)),
		in("copy without an end", 10, ops(text(nil, number(1, math.MaxUint64)), nil)),
		in("output too short", 11, ops(text(nil, number(1, 10)), nil)),
		in("header behind the base", 512, ops(text(nil, append([]byte{0x12}, append(binary.AppendVarint(nil, 3585), 0)...)), nil)),
		in("header of more than a block", 512, ops(text(nil, append([]byte{2, 2}, append(binary.AppendUvarint(nil, 511), 2, 'x', 0, 2, 'x')...)), nil)),
		in("header with a run of nothing", 512, ops(text(nil, []byte{2, 1, 0, 0}), nil)),
		in("header with runs without an end", 512, ops(text(nil, append(number(2, math.MaxUint64), 0, 2, 'x')), nil)),
		in("header that moves from behind the block", 512, ops(text(nil, append([]byte{2, 1, 0, 5}, binary.AppendUvarint(nil, 511)...)), nil)),
		in("header that moves from nowhere", 512, ops(text(nil, append([]byte{2, 1, 0, 5}, binary.AppendUvarint(nil, math.MaxUint64)...)), nil)),
		in("literal ends early", 10, ops(text(nil, []byte{3, 10, 'x'}), nil)),
		in("literal of too much", 1, ops(text(nil, []byte{3, 2, 'x', 'y'}), nil)),
		in("header of too much", 511, ops(text(nil, []byte{2, 0}), nil)),
		in("take without a group", 10, ops(text(nil, number(4, 10)), nil)),
		in("take of nothing", 1024, ops(text(group(0, 0, 0, 1024, uint64(len(packed))), append(number(4, 0), take...)), packed)),
		in("group that is not taken whole", 1000, ops(text(group(0, 0, 0, 1024, uint64(len(packed))), number(4, 1000)), packed)),
		in("group that is not taken", 1, ops(text(group(0, 0, 0, 1024, uint64(len(packed))), []byte{3, 1, 'x'}), packed)),
		in("bytes behind the frames", 1024, ops(text(group(0, 0, 0, 1024, uint64(len(packed))), take), append(bytes.Clone(packed), 0))),
		in("frame ends early", 1024, ops(text(group(0, 0, 0, 1024, uint64(len(packed)-1)), take), packed[:len(packed)-1])),
		in("frame that is shorter", 1024, ops(text(group(0, 0, 0, 1025, uint64(len(packed))), take), packed)),
		in("frame that is longer", 1024, ops(text(group(0, 0, 0, 1023, uint64(len(packed))), take), packed)),
		in("two frames", 1024, ops(text(group(0, 0, 0, 1024, uint64(len(packed)*2+4)), take), append(append(bytes.Clone(packed), "\x28\xb5\x2f\xfd"...), packed...))),
		in("bomb", 512<<10, ops(text(group(0, 0, 0, 512<<10, uint64(len(bomb))), number(4, 512<<10)), bomb)),
		in("bomb that says so", 1<<20, ops(text(group(0, 0, 0, 64<<20, uint64(len(bomb))), number(4, 1<<20)), bomb)),
		in("frame without an end", 512<<10, ops(text(group(0, 0, 0, 512<<10, uint64(len(endless))), number(4, 512<<10)), endless)),
		in("window behind the base", 1024, ops(text(group(0, 4000, 97, 1024, uint64(len(packed))), take), packed)),
		in("window before the base", 1024, ops(text(group(0, -1, 97, 1024, uint64(len(packed))), take), packed)),
		in("window of another base", 1024, ops(text(group(1, 0, 97, 1024, uint64(len(packed))), take), packed)),
		in("window without an end", 1024, ops(text(group(0, 0, math.MaxUint64, 1024, uint64(len(packed))), take), packed)),
		in("addition behind the base", 5000, ops(text(nil, number(5, 4097)), nil)),
		in("addition before the base", 1, ops(text(nil, []byte{0x15, 1, 1}), nil)),
		in("addition to an unknown base", 1, ops(text(nil, []byte{0x0d, 1, 1}), nil)),
		in("addition of nothing", 1, ops(text(nil, append(number(5, 0), number(1, 1)...)), nil)),
		in("addition of too much", 10, ops(text(nil, number(5, 11)), nil)),
		in("addition without an end", 10, ops(text(nil, number(5, math.MaxUint64)), nil)),
		in("checksum of an addition", 1, ops(text(nil, number(0x25, 1)), nil)),
		in("base of differences", 10, ops(text(differing, append([]byte{0x0e, 0}, add[1:]...)), differ)),
		in("differences of nothing", 10, ops(text(nil, append([]byte{6, 0, 0}, number(5, 10)...)), nil)),
		in("differences without an end", 10, ops(text(differing, append(number(6, math.MaxUint64), 2, 5, 10)), differ)),
		in("differences that are too many", 10, ops(text(differing, append(number(6, 64<<10), 2, 5, 10)), differ)),
		in("gaps without an end", 10, ops(text(differing, append(number(0x06, 2), append(binary.AppendUvarint(nil, math.MaxUint64), 5, 10)...)), differ)),
		in("differences without a group", 10, ops(text(nil, add), nil)),
		in("gaps that are longer", 11, ops(text(group(0, 0, 0, 10, uint64(len(differ))), []byte{6, 1, 6, 5, 11}), differ)),
		in("difference that is not added", 5, ops(text(differing, []byte{6, 2, 2, 5, 5}), differ)),
		in("differences on differences", 10, ops(text(append(bytes.Clone(differing), differing...), []byte{6, 2, 2, 6, 2, 2, 5, 10}), append(bytes.Clone(differ), differ...))),
		in("bomb of a text", 10, append(binary.AppendUvarint(nil, uint64(len(bomb))<<1|1), bomb...)),
	}
}

func TestHostileBatchesAreRefused(t *testing.T) {
	t.Parallel()
	base := noise(rand.New(rand.NewPCG(1, 1)), 4096)
	for _, h := range hostiles(t) {
		t.Run(h.name, func(t *testing.T) {
			var got bytes.Buffer
			err := delta.NewApplier([]delta.Base{asBase(base)}).Apply(h.batch, &got)
			if !errors.Is(err, delta.ErrCorrupt) {
				t.Errorf("%v", err)
			}
			if int64(got.Len()) > max(0, h.batch.Length) {
				t.Errorf("%d bytes of output, not %d at most", got.Len(), h.batch.Length)
			}
		})
	}
}

// TestWhatIsNotHostile is the other half: the same parts, put together well.
func TestWhatIsNotHostile(t *testing.T) {
	t.Parallel()
	base := noise(rand.New(rand.NewPCG(1, 1)), 4096)
	content := bytes.Repeat([]byte("content "), 128)
	packed := frame(t, content)
	var got bytes.Buffer
	b := delta.Batch{Length: 1024 + 4096 + 3, Ops: ops(text(group(0, 0, 0, 1024, uint64(len(packed))), append(append(number(4, 1000), number(1, 4096)...), 3, 3, 'a', 'b', 'c', 4, 24)), packed)}
	if err := delta.NewApplier([]delta.Base{asBase(base)}).Apply(b, &got); err != nil {
		t.Fatal(err)
	}
	if want := append(append(append(bytes.Clone(content[:1000]), base...), "abc"...), content[1000:]...); !bytes.Equal(got.Bytes(), want) {
		t.Error("other bytes come out")
	}
	got.Reset()
	differ := frame(t, []byte{2, 3, 1, 1, 1, 2, 1, 2, 1, 3})
	added := delta.Batch{Length: 11, Ops: ops(text(group(0, 0, 0, 10, uint64(len(differ))), []byte{6, 2, 2, 5, 10, 5, 1}), differ)}
	if err := delta.NewApplier([]delta.Base{asBase(base)}).Apply(added, &got); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(base[:11])
	binary.LittleEndian.PutUint32(want[2:], binary.LittleEndian.Uint32(want[2:])+0x01010101)
	want[9]++ // the second difference ends with its addition
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%x comes out, not %x", got.Bytes(), want)
	}
	short := delta.Base{Bytes: bytes.NewReader(base[:100]), Size: 4096}
	if err := delta.NewApplier([]delta.Base{short}).Apply(b, io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, delta.ErrCorrupt) {
		t.Errorf("%v of a base that ends early", err)
	}
	refused := errors.New("refused")
	if err := delta.NewApplier([]delta.Base{asBase(base)}).Apply(b, refusing{refused}); !errors.Is(err, refused) {
		t.Errorf("%v of a writer that refuses", err)
	}
}

type refusing struct{ err error }

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

// bounded counts, and fails a test that writes more than it may.
type bounded struct {
	t    testing.TB
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.t.Fatalf("%d bytes too many", -b.left)
	}
	return len(p), nil
}

// FuzzABatchMakesItsLengthOrIsRefused gives an applier ops that are not checked by
// anything before it.
func FuzzABatchMakesItsLengthOrIsRefused(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	base := noise(r, 4096)
	for _, h := range hostiles(f) {
		if len(h.batch.Ops) < 10_000 {
			f.Add(h.batch.Length, h.batch.Ops)
		}
	}
	files := tree(r, 10, 500)
	old := pack(f, files, nil)
	err := delta.Encode(f.Context(), asTar(f, pack(f, mutated(r, touched(r, files)), nil)), []delta.Tar{asTar(f, old)}, 0, func(b delta.Batch) error {
		f.Add(b.Length, b.Ops)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	program := noise(r, 70_000)
	before, after := []file{{name: "app", kind: '0', body: program}}, []file{{name: "app", kind: '0', body: linked(r, program)}}
	past := pack(f, before, nil)
	bases := []delta.Tar{{Index: new(delta.Index), Bytes: bytes.NewReader(nil)}, {Index: new(delta.Index), Bytes: bytes.NewReader(nil)}, asTar(f, past)}
	err = delta.Encode(f.Context(), asTar(f, pack(f, after, nil)), bases, 0, func(b delta.Batch) error {
		f.Add(b.Length, b.Ops)
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	a := delta.NewApplier([]delta.Base{asBase(base), asBase(old), asBase(past)})
	f.Fuzz(func(t *testing.T, length int64, ops []byte) {
		out := &bounded{t, max(0, length)}
		err := a.Apply(delta.Batch{Length: length, Ops: ops}, out)
		if err == nil && out.left != 0 {
			t.Errorf("%d bytes are missing", out.left)
		}
		if err != nil && !errors.Is(err, delta.ErrCorrupt) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzAnIndexIsReadBack indexes bytes as a tar, and reads bytes as an index.
func FuzzAnIndexIsReadBack(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	files := tree(r, 5, 300)
	for range 12 {
		files = append(files, odd(r))
	}
	f.Add(pack(f, files[:5], nil))
	f.Add(pack(f, []file{{raw: sparse("sparse", r)}}, []byte("behind the end")))
	f.Add(make([]byte, 1024))
	x := index(f, pack(f, files, nil))
	b, err := x.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:len(b)-4])
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		again := func(x *delta.Index) {
			m, err := x.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var y delta.Index
			if err := y.UnmarshalBinary(m); err != nil {
				t.Fatal(err)
			}
			if n, err := y.MarshalBinary(); err != nil || !bytes.Equal(m, n) || x.Size() != y.Size() {
				t.Errorf("%d bytes, %d when they were read back: %v", len(m), len(n), err)
			}
		}
		i := delta.NewIndexer()
		if _, err := i.Write(b); err == nil {
			x, err := i.Close()
			if err == nil {
				again(x)
			} else if !errors.Is(err, delta.ErrNotTar) {
				t.Errorf("%v", err)
			}
		} else if !errors.Is(err, delta.ErrNotTar) {
			t.Errorf("%v", err)
		}
		var x delta.Index
		if err := x.UnmarshalBinary(sealed(b)); err == nil {
			again(&x)
		} else if !errors.Is(err, delta.ErrCorrupt) {
			t.Errorf("%v", err)
		}
	})
}

// sealed returns b with the checksum that an index ends with.
func sealed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// FuzzATarIsMadeOfAnother makes the second of two byte strings out of the first.
func FuzzATarIsMadeOfAnother(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 8 {
		files := tree(r, 6, 800)
		f.Add(pack(f, files, ending(r)), pack(f, mutated(r, files), ending(r)), uint32(r.IntN(2)*r.IntN(9000)))
	}
	f.Add([]byte("no tar"), []byte("no tar either"), uint32(3))
	f.Fuzz(func(t *testing.T, old, target []byte, from uint32) {
		for _, b := range []*[]byte{&old, &target} {
			if tried(*b) != nil {
				*b = pack(t, []file{{name: "bytes", kind: '0', body: *b}}, nil)
			}
		}
		newPair(t, target, old).cross(t, int64(from)%int64(len(target)+1))
	})
}

// tried returns what is wrong with b as a tar.
func tried(b []byte) error {
	i := delta.NewIndexer()
	if _, err := i.Write(b); err != nil {
		return err
	}
	_, err := i.Close()
	return err
}
