package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestALayerIsRebuiltFromTheCopies(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	v1, v2 := newLayer(t, 1, 3<<20, "one"), newLayer(t, 1, 3<<20, "two")
	add(t, s, v1, v2)
	for _, from := range []int64{0, 1, store.FrameSize + 7, int64(len(v2.b)) - 1, int64(len(v2.b))} {
		got, ops, err := rebuild(t, s, v2.id, from, v1)
		if err != nil || !bytes.Equal(got, v2.b[from:]) {
			t.Errorf("from %d: %d bytes of %d, %v", from, len(got), len(v2.b), err)
		}
		if ops > 4096 {
			t.Errorf("from %d: %d bytes for a line", from, ops)
		}
	}
	if size, ok := s.Size(v2.id); !ok || size != int64(len(v2.b)) {
		t.Errorf("size %d, %t", size, ok)
	}
	packed, err := os.Stat(s.Path(v2.id))
	if err != nil || packed.Size() > int64(len(v2.b))*6/10 {
		t.Errorf("a copy of %d bytes has %d, %v", len(v2.b), packed.Size(), err)
	}
}

func TestABaseWithoutACopyKeepsItsPlace(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	v1, v2, absent := newLayer(t, 1, 1<<20, "one"), newLayer(t, 1, 1<<20, "two"), newLayer(t, 2, 1<<20, "")
	add(t, s, v1, v2)
	got, ops, err := rebuild(t, s, v2.id, 0, absent, v1, absent)
	if err != nil || !bytes.Equal(got, v2.b) || ops > 4096 {
		t.Errorf("%d bytes of %d by %d, %v", len(got), len(v2.b), ops, err)
	}
}

func TestWhatHasNoCopyIsAbsent(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	v1, v2 := newLayer(t, 1, 1<<20, "one"), newLayer(t, 1, 1<<20, "two")
	for name, c := range map[string]struct {
		target layer
		bases  []layer
	}{"the target": {v2, []layer{v1}}, "all bases": {v1, []layer{v2, v2}}, "no base": {v1, nil}} {
		if s.Has(v1.id) == false {
			add(t, s, v1)
		}
		if got, _, err := rebuild(t, s, c.target.id, 0, c.bases...); !errors.Is(err, store.ErrAbsent) || len(got) > 0 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if _, ok := s.Size(v2.id); ok {
		t.Error("what has no copy has a size")
	}
	_, _, err := rebuild(t, s, v1.id, 0, make([]layer, delta.MaxBases+1)...)
	if fault.ReasonOf(err) != fault.InvalidRequest {
		t.Errorf("too many bases: %v", err)
	}
}

func TestOnlyTheLayerItselfGetsACopy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store.New(dir, 1<<30)
	s.SetReserve(0)
	l := newLayer(t, 1, 2<<20, "")
	broken := errors.New("broken off")
	ended, cancel := context.WithCancelCause(t.Context())
	for name, c := range map[string]struct {
		content io.Reader
		is      error
		reason  fault.Reason
	}{
		"other content":      {bytes.NewReader(newLayer(t, 2, 1<<20, "").b), nil, fault.DigestMismatch},
		"a part of it":       {bytes.NewReader(l.b[:1<<20]), nil, fault.DigestMismatch},
		"more than it":       {io.MultiReader(bytes.NewReader(l.b), strings.NewReader("x")), nil, fault.DigestMismatch},
		"no tar":             {strings.NewReader(strings.Repeat("no tar\n", 1000)), store.ErrUnfit, fault.Internal},
		"nothing":            {strings.NewReader(""), nil, fault.DigestMismatch},
		"content that ends":  {failing(l.b[:1<<20], broken), broken, fault.Internal},
		"an end in an error": {failing(l.b, errors.Join(broken, io.EOF)), broken, fault.Internal},
	} {
		err := s.Add(t.Context(), l.id, c.content, anyone)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || fault.ReasonOf(err) != c.reason {
			t.Errorf("%s: %v", name, err)
		}
		if left := files(t, filepath.Join(dir, "1")); len(left) > 0 {
			t.Errorf("%s leaves %v", name, left)
		}
	}
	stop := errors.New("stopped")
	half := io.MultiReader(bytes.NewReader(l.b[:1<<20]), readerFunc(func([]byte) (int, error) { cancel(stop); return 0, iotest.ErrTimeout }))
	if err := s.Add(ended, l.id, half, anyone); err == nil || len(files(t, filepath.Join(dir, "1"))) > 0 {
		t.Errorf("%v leaves %v", err, files(t, filepath.Join(dir, "1")))
	}
	if err := s.Add(ended, l.id, bytes.NewReader(l.b), anyone); !errors.Is(err, stop) {
		t.Errorf("after the end: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestACopyIsReadAnywhere(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	l := newLayer(t, 1, 9*store.FrameSize+123, "")
	add(t, s, l)
	o, err := s.Open(l.id)
	must(t, err)
	defer o.Close()
	var all sync.WaitGroup
	for seed := range uint64(3) {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 60 {
				at := r.IntN(len(l.b))
				p := make([]byte, r.IntN(2*store.FrameSize))
				n, err := o.ReadAt(p, int64(at))
				if want := l.b[at:min(at+len(p), len(l.b))]; !bytes.Equal(p[:n], want) || (err == nil) != (len(want) == len(p)) {
					t.Errorf("%d bytes at %d: %d, %v", len(p), at, n, err)
				}
			}
		})
	}
	all.Wait()
	for _, at := range []int64{-1, int64(len(l.b)), 1 << 60} {
		if n, err := o.ReadAt(make([]byte, 1), at); n != 0 || err == nil {
			t.Errorf("at %d: %d, %v", at, n, err)
		}
	}
}

// A bit that flips anywhere in a copy is found out, or changes nothing.
func TestDamageIsFoundOut(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	v1, v2 := newLayer(t, 1, 700_000, "one"), newLayer(t, 2, 700_000, "two")
	add(t, s, v1)
	random := rand.New(rand.NewPCG(1, 2))
	in := map[bool]int{}
	for range 24 {
		add(t, s, v2)
		content, err := os.ReadFile(s.Path(v2.id))
		must(t, err)
		at, behind := random.IntN(len(content)-10_000), random.IntN(2) == 0
		if behind { // the frames, which have few bytes
			at = len(content) - 1 - random.IntN(300)
		}
		content[at] ^= 1 << random.IntN(8)
		must(t, os.WriteFile(s.Path(v2.id), content, 0o600))
		if _, ok := s.Size(v2.id); ok != s.Has(v2.id) || !ok && !behind || ok && behind {
			t.Fatalf("byte %d of %d: it has a size: %t", at, len(content), ok)
		}
		if behind {
			must(t, os.WriteFile(s.Path(v2.id), content, 0o600))
		}
		got, _, err := rebuild(t, s, v2.id, 0, v1)
		if absent := errors.Is(err, store.ErrAbsent); err == nil || !absent && !fault.Retryable(err) || s.Has(v2.id) {
			t.Fatalf("byte %d of %d: %d bytes, %v; it is there: %t", at, len(content), len(got), err, s.Has(v2.id))
		} else {
			in[absent]++
		}
		if _, _, err = rebuild(t, s, v2.id, 0, v1); !errors.Is(err, store.ErrAbsent) {
			t.Errorf("again: %v", err)
		}
	}
	if in[true] == 0 || in[false] == 0 {
		t.Errorf("frames and what is behind them: %v", in)
	}
	add(t, s, v2)
	must(t, os.Truncate(s.Path(v2.id), 1000))
	if _, ok := s.Size(v2.id); ok || s.Has(v2.id) {
		t.Error("half a file has a size")
	}
}

func TestACopyIsReadThoughItsFileIsRemoved(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	v1, v2 := newLayer(t, 1, 6<<20, "one"), newLayer(t, 2, 6<<20, "two")
	add(t, s, v1, v2)
	var out bytes.Buffer
	a := delta.NewApplier([]delta.Base{{Bytes: bytes.NewReader(v1.b), Size: int64(len(v1.b))}})
	err := s.Encode(t.Context(), v2.id, []artifact.Digest{v1.id}, 0, func(b delta.Batch) error {
		_ = os.Remove(s.Path(v1.id))
		_ = os.Remove(s.Path(v2.id))
		return a.Apply(b, &out)
	})
	if err != nil || !bytes.Equal(out.Bytes(), v2.b) {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}

// Each reader holds memory: beyond some the layer goes whole, and then there is room again.
func TestFewReadAtATime(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<30)
	s.SetPatience(0)
	v1, v2 := newLayer(t, 1, 1<<20, "one"), newLayer(t, 1, 1<<20, "two")
	add(t, s, v1, v2)
	var within func(depth int) error
	within = func(depth int) error {
		return s.Encode(t.Context(), v2.id, []artifact.Digest{v1.id}, 0, func(delta.Batch) error {
			if depth == 0 {
				return nil
			}
			return within(depth - 1)
		})
	}
	if err := within(0); err != nil {
		t.Errorf("the first: %v", err)
	}
	if err := within(1); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("another at a time: %v", err)
	}
	if err := within(0); err != nil {
		t.Errorf("the next: %v", err)
	}
	s.SetPatience(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	stuck := s.Encode(t.Context(), v2.id, []artifact.Digest{v1.id}, 0, func(delta.Batch) error {
		cancel()
		return s.Encode(ctx, v2.id, []artifact.Digest{v1.id}, 0, func(delta.Batch) error { return nil })
	})
	if !errors.Is(stuck, context.Canceled) {
		t.Errorf("a caller that goes away waits: %v", stuck)
	}
}

// Both take memory, and a deploy is waited for.
func TestWhoAddsMakesWayForWhoReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store.New(dir, 1<<30)
	s.SetReserve(0)
	v1, v2, v3 := newLayer(t, 1, 1<<20, "one"), newLayer(t, 1, 1<<20, "two"), newLayer(t, 2, 3<<20, "")
	add(t, s, v1, v2)
	var meanwhile error
	half := io.MultiReader(bytes.NewReader(v3.b[:1<<20]), readerFunc(func([]byte) (int, error) {
		return 0, errors.Join(s.Encode(t.Context(), v2.id, []artifact.Digest{v1.id}, 0, func(delta.Batch) error {
			meanwhile = s.Add(t.Context(), v3.id, bytes.NewReader(v3.b), anyone)
			return nil
		}), io.ErrUnexpectedEOF)
	}))
	if err := s.Add(t.Context(), v3.id, half, anyone); err == nil || fault.ReasonOf(meanwhile) != fault.Busy || !fault.Retryable(meanwhile) {
		t.Errorf("%v, meanwhile %v", err, meanwhile)
	}
	// A stream that begins in the middle.
	begun, ended := make(chan struct{}), make(chan struct{})
	slow := io.MultiReader(bytes.NewReader(v3.b[:store.FrameSize]), readerFunc(func([]byte) (int, error) {
		close(begun)
		<-ended
		return 0, io.EOF
	}), bytes.NewReader(v3.b[store.FrameSize:]))
	got := make(chan error)
	go func() { got <- s.Add(t.Context(), v3.id, slow, anyone) }()
	<-begun
	err := s.Encode(t.Context(), v2.id, []artifact.Digest{v1.id}, 0, func(delta.Batch) error {
		ended <- struct{}{}
		if err := <-got; fault.ReasonOf(err) != fault.Busy {
			t.Errorf("in the middle: %v", err)
		}
		return nil
	})
	if left := files(t, filepath.Join(dir, "1")); err != nil || len(left) != 2 {
		t.Errorf("%v, left are %v", err, left)
	}
	add(t, s, v3)
}

func TestRefusalsAreRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store.New(dir, 1<<30)
	l := newLayer(t, 1, 1000, "")
	if s.Refused(l.id) {
		t.Error("it is refused before")
	}
	s.SetReserve(0)
	add(t, s, l) // makes the folder
	must(t, s.Refuse(l.id), s.Refuse(l.id))
	if s = store.New(dir, 1<<30); !s.Refused(l.id) || !s.Has(l.id) {
		t.Error("it is not refused, or has no copy")
	}
}

func TestLeftoversGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store.New(dir, 1<<30)
	s.SetReserve(0)
	l := newLayer(t, 1, 1000, "")
	add(t, s, l)
	here := filepath.Join(dir, "1")
	hex := strings.Repeat("a", 64)
	old := time.Now().Add(-60 * 24 * time.Hour)
	for _, name := range []string{hex + ".part", hex + ".refused", hex + ".mine", "notes"} {
		must(t, os.WriteFile(filepath.Join(here, name), nil, 0o600), os.Chtimes(filepath.Join(here, name), old, old))
	}
	must(t, s.Refuse(l.id), os.Mkdir(filepath.Join(dir, "0"), 0o700), os.Mkdir(filepath.Join(dir, "mine"), 0o700), os.WriteFile(filepath.Join(dir, "0", "copy"), nil, 0o600))
	add(t, s, newLayer(t, 2, 1000, ""))
	left := strings.Join(append(files(t, here), files(t, dir)...), " ")
	for name, stays := range map[string]bool{
		hex + ".part": false, hex + ".refused": false, hex + ".mine": true, "notes": true, l.id.Hex() + ".refused": true, l.id.Hex(): true, "0": false, "mine": true,
	} {
		if strings.Contains(" "+left+" ", " "+name+" ") != stays {
			t.Errorf("%s stays: %t, of %s", name, !stays, left)
		}
	}
}

func TestOneProcessAddsAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, other := store.New(dir, 1<<30), store.New(dir, 1<<30)
	s.SetReserve(0)
	other.SetReserve(0)
	l, m := newLayer(t, 1, 1<<20, ""), newLayer(t, 2, 1<<20, "")
	half := io.MultiReader(bytes.NewReader(l.b[:1000]), readerFunc(func([]byte) (int, error) {
		if err := other.Add(t.Context(), m.id, bytes.NewReader(m.b), anyone); fault.ReasonOf(err) != fault.Busy || !fault.Retryable(err) {
			t.Errorf("meanwhile: %v", err)
		}
		return 0, io.EOF
	}), bytes.NewReader(l.b[1000:]))
	must(t, s.Add(t.Context(), l.id, half, anyone))
	add(t, other, m)
}

func TestAFullDiskLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=20m"); err != nil {
		t.Skipf("NOT TESTED, a full disk: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	s := store.New(dir, 1<<30)
	l := newLayer(t, 1, 12<<20, "")
	s.SetReserve(100 << 20)
	err := s.Add(t.Context(), l.id, bytes.NewReader(l.b), anyone)
	if fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(fault.HintOf(err), "df -h "+dir) {
		t.Errorf("within the reserve: %v (%s)", err, fault.HintOf(err))
	}
	s.SetReserve(0)
	must(t, os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 3<<20), 0o600))
	// The rest is taken while it writes.
	taken := false
	content := io.MultiReader(bytes.NewReader(l.b[:2<<20]), readerFunc(func([]byte) (int, error) {
		if !taken {
			taken = true
			_ = os.WriteFile(filepath.Join(dir, "more"), make([]byte, 20<<20), 0o600)
		}
		return 0, io.EOF
	}), bytes.NewReader(l.b[2<<20:]))
	if err = s.Add(t.Context(), l.id, content, anyone); fault.ReasonOf(err) != fault.DiskFull || !taken {
		t.Errorf("a full disk: %v", err)
	}
	if left := files(t, filepath.Join(dir, "1")); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}
