package delta_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
)

// index returns the index of b, written in pieces of several sizes.
func index(t testing.TB, b []byte) *delta.Index {
	t.Helper()
	i := delta.NewIndexer()
	for rest, n := b, 1; len(rest) > 0; n = n%100_000*7 + 1 {
		k := min(n, len(rest))
		if got, err := i.Write(rest[:k]); err != nil || got != k {
			t.Fatalf("wrote %d bytes of %d: %v", got, k, err)
		}
		rest = rest[k:]
	}
	x, err := i.Close()
	if err != nil {
		t.Fatal(err)
	}
	if x.Size() != int64(len(b)) {
		t.Fatalf("the index is of %d bytes, not of %d", x.Size(), len(b))
	}
	return x
}

func asTar(t testing.TB, b []byte) delta.Tar {
	t.Helper()
	return delta.Tar{Index: index(t, b), Bytes: bytes.NewReader(b)}
}

func asBase(b []byte) delta.Base { return delta.Base{Bytes: bytes.NewReader(b), Size: int64(len(b))} }

// pair is a target and its bases, in both forms.
type pair struct {
	target []byte
	tar    delta.Tar
	bases  []delta.Tar
	raw    []delta.Base
}

func newPair(t testing.TB, target []byte, bases ...[]byte) pair {
	t.Helper()
	p := pair{target: target, tar: asTar(t, target)}
	for _, b := range bases {
		p.bases = append(p.bases, asTar(t, b))
		p.raw = append(p.raw, asBase(b))
	}
	return p
}

// cross makes target[from:] out of the bases, and returns how many bytes of ops that
// took, and where batches end.
func (p pair) cross(t testing.TB, from int64) (wire int, ends []int64) {
	t.Helper()
	var got bytes.Buffer
	a := delta.NewApplier(p.raw)
	at := from
	err := delta.Encode(t.Context(), p.tar, p.bases, from, func(b delta.Batch) error {
		if b.Offset != at || b.Length <= 0 || b.Length > delta.MaxLength || len(b.Ops) > delta.MaxBatch {
			t.Fatalf("a batch of %d bytes makes %d at %d, where %d is next", len(b.Ops), b.Length, b.Offset, at)
		}
		at += b.Length
		wire += len(b.Ops)
		ends = append(ends, at)
		err := a.Apply(b, &got)
		if err == nil && from+int64(got.Len()) != at {
			t.Fatalf("a batch of %d bytes of output makes %d", b.Length, from+int64(got.Len())-b.Offset)
		}
		return err
	})
	if err != nil {
		t.Fatalf("from %d: %v", from, err)
	}
	if !bytes.Equal(got.Bytes(), p.target[from:]) {
		t.Fatalf("from %d: %d bytes are made, and they are not the %d of the target", from, got.Len(), len(p.target)-int(from))
	}
	return wire, ends
}

// TestAnyChangeIsMadeExactly changes trees at random, and makes the new tar out of
// the old ones from any byte on.
func TestAnyChangeIsMadeExactly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		files := tree(r, 12, 3000)
		for range 4 {
			files = append(files, odd(r))
		}
		var bases [][]byte
		for range r.IntN(4) {
			bases = append(bases, pack(t, mutated(r, files), ending(r)))
		}
		target := pack(t, mutated(r, files), ending(r))
		if r.IntN(5) == 0 {
			target = target[:max(512, r.IntN(len(target)))]
		}
		p := newPair(t, target, bases...)
		_, ends := p.cross(t, 0)
		for range 3 {
			p.cross(t, r.Int64N(int64(len(target))+1))
		}
		p.cross(t, ends[r.IntN(len(ends))])
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestATarIsMadeOfNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	files := append(tree(r, 40, 20_000), file{name: "noise", kind: '0', body: noise(r, 3<<20)}, file{name: "text", kind: '0', body: prose(r, 3<<20)})
	b := pack(t, files, nil)
	wire, _ := newPair(t, b).cross(t, 0)
	if wire > len(b)*3/4 {
		t.Errorf("%d bytes of ops for %d, of which half compress", wire, len(b))
	}
	// A base without content is no base.
	p := newPair(t, b, b)
	p.bases = append([]delta.Tar{{Index: new(delta.Index), Bytes: bytes.NewReader(nil)}}, p.bases...)
	p.raw = append([]delta.Base{asBase(nil)}, p.raw...)
	if wire, _ := p.cross(t, 0); wire > 100 {
		t.Errorf("%d bytes of ops for a base that is the target", wire)
	}
}

// TestChunksThatRepeatAreMadeExactly has the same chunk many times, at the end of a
// file and at the begin of the next.
func TestChunksThatRepeatAreMadeExactly(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	zeros, end := make([]byte, 512<<10), noise(r, 300_000)
	old := pack(t, []file{{name: "a", kind: '0', body: zeros}, {name: "b", kind: '0', body: zeros}, {name: "c", kind: '0', body: append(zeros, end...)}}, nil)
	target := pack(t, []file{{name: "a", kind: '0', body: append(make([]byte, 3<<20), end...)}, {name: "b", kind: '0', body: append(zeros, zeros...)}}, nil)
	p := newPair(t, target, old)
	if wire, _ := p.cross(t, 0); wire > 2000 {
		t.Errorf("%d bytes of ops", wire)
	}
	p.cross(t, 1<<20)
}

// TestNewFilesAreMadeOfTheirNeighbour has files that only a file behind them is like.
func TestNewFilesAreMadeOfTheirNeighbour(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(10, 10))
	body := prose(r, 200_000)
	known := file{name: "known", kind: '0', body: body}
	files := []file{{name: "one", kind: '0', body: body[:50_000]}, {name: "two", kind: '0', body: body[1000:2000]}, known}
	if wire, _ := newPair(t, pack(t, files, nil), pack(t, []file{known}, nil)).cross(t, 0); wire > 400 {
		t.Errorf("%d bytes of ops", wire)
	}
}

// TestABatchIsBounded makes more than a batch may, out of copies and of what does not
// compress, in small files and large ones.
func TestABatchIsBounded(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 9))
	same := file{name: "same", kind: '0', body: make([]byte, delta.MaxLength-300_000)}
	files := []file{same, {name: "text", kind: '0', body: prose(r, 500_000)}, {name: "large", kind: '0', body: noise(r, 500_000)}, same}
	for i := range 40 {
		files = append(files, file{name: words[i], kind: '0', body: noise(r, 20_000+r.IntN(44_000))})
	}
	p := newPair(t, pack(t, files, nil), pack(t, []file{same}, nil))
	if _, ends := p.cross(t, 0); len(ends) < 6 {
		t.Errorf("%d batches", len(ends))
	}
	// A program that is linked again needs several too.
	program := file{name: "app", kind: '0', body: noise(r, 4_000_000)}
	old := pack(t, []file{program}, nil)
	for range 5 {
		program.body = linked(r, program.body)
	}
	wire, ends := newPair(t, pack(t, []file{program}, nil), old).cross(t, 0)
	if len(ends) < 2 || wire > 800_000 {
		t.Errorf("%d batches of %d bytes", len(ends), wire)
	}
}

// TestAPatchIsBounded has pieces whose differences do not fit into a batch beside what
// is new in them.
func TestAPatchIsBounded(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(12, 12))
	body := noise(r, 2<<20)
	old := pack(t, []file{{name: "app", kind: '0', body: body}}, nil)
	for at := 0; at+4 < len(body); at += 13 {
		switch in := at % (512 << 10); {
		case in < 120<<10:
			copy(body[at:], noise(r, 13))
		case in > 121<<10: // behind what the old bytes are found by
			copy(body[at:], noise(r, 4))
		}
	}
	newPair(t, pack(t, []file{{name: "app", kind: '0', body: body}}, nil), old).cross(t, 0)
	// A table in which each number is larger, behind what it is found by.
	body = noise(r, 2<<20)
	old = pack(t, []file{{name: "app", kind: '0', body: body}}, nil)
	for at := 64; at+4 <= len(body); at += 4 {
		if at%(512<<10) >= 64 {
			binary.LittleEndian.PutUint32(body[at:], binary.LittleEndian.Uint32(body[at:])+0x1234)
		}
	}
	if wire, _ := newPair(t, pack(t, []file{{name: "app", kind: '0', body: body}}, nil), old).cross(t, 0); wire > 2000 {
		t.Errorf("%d bytes of ops for a table", wire)
	}
}

// unread fails a test that reads it.
type unread struct{ t testing.TB }

func (u unread) ReadAt(p []byte, off int64) (int, error) {
	u.t.Errorf("%d bytes at %d are read", len(p), off)
	return 0, io.ErrUnexpectedEOF
}

func TestEqualPartsAreNotRead(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	files := append(tree(r, 500, 3000), file{name: "big", kind: '0', body: noise(r, 400_000)})
	old := pack(t, files, nil)
	x := index(t, old)
	same := func(b delta.Batch) error { return delta.NewApplier([]delta.Base{asBase(old)}).Apply(b, io.Discard) }
	if err := delta.Encode(t.Context(), delta.Tar{Index: x, Bytes: unread{t}}, []delta.Tar{{Index: x, Bytes: unread{t}}}, 0, same); err != nil {
		t.Error(err)
	}
	// Files that change places are copies too, and of new times only headers are read.
	slices.Reverse(files)
	files = touched(r, files)
	b := pack(t, files, nil)
	read := &counted{Reader: bytes.NewReader(b)}
	if err := delta.Encode(t.Context(), delta.Tar{Index: index(t, b), Bytes: read}, []delta.Tar{asTar(t, old)}, 0, func(delta.Batch) error { return nil }); err != nil {
		t.Error(err)
	}
	if most := len(files)*512 + 2048; read.n > most {
		t.Errorf("%d bytes are read of %d headers", read.n, len(files))
	}
}

type counted struct {
	*bytes.Reader
	n int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.n += len(p)
	return c.Reader.ReadAt(p, off)
}

func TestMovedFilesAreCopies(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	files := tree(r, 300, 6000)
	for i := range files {
		files[i].body = noise(r, len(files[i].body))
	}
	old := pack(t, files, nil)
	for i := range files {
		files[i].name = "opt/app-2.0/" + files[i].name
	}
	slices.Reverse(files)
	p := newPair(t, pack(t, files, nil), pack(t, files[:1], nil), old)
	if wire, _ := p.cross(t, 0); wire > 12_000 {
		t.Errorf("%d bytes of ops for %d files that moved", wire, len(files))
	}
}

func TestWhatEachReturnsEndsIt(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(6, 6))
	b := pack(t, []file{{name: "noise", kind: '0', body: noise(r, 1<<20)}}, nil)
	refused := errors.New("refused")
	calls := 0
	err := delta.Encode(t.Context(), asTar(t, b), nil, 0, func(delta.Batch) error { calls++; return refused })
	if !errors.Is(err, refused) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(refused)
	if err := delta.Encode(ctx, asTar(t, b), nil, 0, func(delta.Batch) error { return nil }); !errors.Is(err, refused) {
		t.Errorf("%v, not the cause of the context", err)
	}
	short := delta.Tar{Index: index(t, b), Bytes: bytes.NewReader(b[:1000])}
	if err := delta.Encode(t.Context(), short, nil, 0, func(delta.Batch) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v of a tar that ends early", err)
	}
	for _, from := range []int64{-1, int64(len(b)) + 1} {
		if err := delta.Encode(t.Context(), asTar(t, b), nil, from, func(delta.Batch) error { return nil }); err == nil {
			t.Errorf("no error from byte %d on", from)
		}
	}
}
