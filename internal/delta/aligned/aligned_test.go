package aligned_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/aligned"
)

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// moved returns b with n numbers of four bytes that are larger by d.
func moved(r *rand.Rand, b []byte, n int, d uint32) []byte {
	b = bytes.Clone(b)
	for at := range n {
		at = at*(len(b)/n) + r.IntN(4)
		binary.LittleEndian.PutUint32(b[at:], binary.LittleEndian.Uint32(b[at:])+d)
	}
	return b
}

// made returns what a patch makes of old, the patch having crossed a wire.
func made(t testing.TB, p *aligned.Patch, old []byte) []byte {
	t.Helper()
	d, err := aligned.NewDifferences(p.Count, p.Gaps, p.Values)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	rest := p.New
	for _, r := range p.Runs {
		b, rest = append(b, rest[:r.Skip]...), rest[r.Skip:]
		run := bytes.Clone(old[r.Old : r.Old+r.Size])
		if err := d.Add(run); err != nil {
			t.Fatal(err)
		}
		b = append(b, run...)
	}
	if d.Left() > 0 {
		t.Errorf("%d differences of %d are left", d.Left(), p.Count)
	}
	return append(b, rest...)
}

func TestAPatchMakesItsTarget(t *testing.T) {
	t.Parallel()
	m, patches := new(aligned.Maker), 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		old := noise(r, 16+r.IntN(40_000))
		target := bytes.Clone(old)
		if n := len(old) / 16; n > 1 {
			target = moved(r, target, 1+r.IntN(n), r.Uint32N(1<<r.IntN(32)+1))
		}
		for range r.IntN(6) {
			at := r.IntN(len(target) + 1)
			switch r.IntN(3) {
			case 0:
				target = slices.Insert(target, at, noise(r, r.IntN(900))...)
			case 1:
				target = slices.Delete(target, at, min(len(target), at+r.IntN(900)))
			case 2:
				target = append(target[at:], target[:at]...)
			}
		}
		if p := m.Make(target, old); p != nil {
			patches++
			if !bytes.Equal(made(t, p, old), target) {
				t.Fatalf("seed %d: other bytes come out", seed)
			}
		}
	}
	if patches < 100 {
		t.Errorf("%d patches of 200", patches)
	}
}

// TestAnAddressThatMovesIsTheSameNumber has numbers that carry into their next bytes.
func TestAnAddressThatMovesIsTheSameNumber(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	old := noise(r, 60_000)
	for _, d := range []uint32{0x1c0, ^uint32(0x1c0) + 1} {
		p := new(aligned.Maker).Make(slices.Insert(moved(r, old, 1500, d), 30_000, noise(r, 448)...), old)
		if p == nil || len(p.New) > 500 || p.Count > 1600 {
			t.Fatalf("%+v", p)
		}
		same := 0
		for i := range p.Count {
			var v uint32
			for k := range 4 {
				v |= uint32(p.Values[k*p.Count+i]) << (8 * k)
			}
			if v == d {
				same++
			}
		}
		if same < 1400 {
			t.Errorf("%d of %d differences are %#x", same, p.Count, d)
		}
	}
}

// TestAddressesThatMoveBackAreAlike has two of them in turn, close to each other.
func TestAddressesThatMoveBackAreAlike(t *testing.T) {
	t.Parallel()
	old := noise(rand.New(rand.NewPCG(5, 5)), 12_000)
	target := bytes.Clone(old)
	for at := 60; at < len(old); at += 12 {
		d := uint32(0x1c0 + at%24*10)
		binary.LittleEndian.PutUint32(target[at:], binary.LittleEndian.Uint32(target[at:])-d)
	}
	if p := new(aligned.Maker).Make(target, old); p == nil || len(p.Runs) != 1 || len(p.New) > 0 || !bytes.Equal(made(t, p, old), target) {
		t.Errorf("%+v", p)
	}
}

func TestWhatIsNotAlikeHasNoPatch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	old, large := noise(r, 20_000), make([]byte, aligned.Most+1)
	shuffled := bytes.Clone(old)
	for p := range slices.Chunk(shuffled, 8) {
		slices.Reverse(p)
	}
	m := new(aligned.Maker)
	for name, c := range map[string][2][]byte{
		"noise":          {noise(r, 20_000), old},
		"shuffled":       {shuffled, old},
		"nothing old":    {old, nil},
		"little old":     {old, old[:15]},
		"a large target": {large, old},
		"large old":      {old, large},
		"both large":     {large, large},
	} {
		if p := m.Make(c[0], c[1]); p != nil {
			t.Errorf("%s: %d runs with %d new bytes", name, len(p.Runs), len(p.New))
		}
	}
}

func TestDifferencesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		count        int
		gaps, values string
	}{
		"fewer than none":  {-1, "", ""},
		"no values":        {1, "\x00", ""},
		"too many values":  {1, "\x00", "12345"},
		"no gap":           {1, "", "1234"},
		"a gap too many":   {0, "\x00", ""},
		"half a gap":       {1, "\x80", "1234"},
		"a gap too long":   {1, "\x81\x80\x40", "1234"},
		"a gap that wraps": {1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "1234"},
	} {
		if _, err := aligned.NewDifferences(c.count, []byte(c.gaps), []byte(c.values)); !errors.Is(err, aligned.ErrDifferences) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := aligned.NewDifferences(2, []byte{1, 0x80}, []byte("12345678"))
	if err == nil {
		err = d.Add(make([]byte, 5))
	}
	if !errors.Is(err, aligned.ErrDifferences) {
		t.Errorf("%v of a second gap that ends early", err)
	}
}

// FuzzAPatchMakesItsTarget makes any bytes of any other, whose end they share.
func FuzzAPatchMakesItsTarget(f *testing.F) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 4 {
		old := noise(r, 600)
		f.Add(old, slices.Insert(moved(r, old, 20, r.Uint32()), 300, 1, 2, 3), uint16(r.IntN(600)))
	}
	m := new(aligned.Maker)
	f.Fuzz(func(t *testing.T, old, target []byte, end uint16) {
		target = append(bytes.Clone(target), old[min(len(old), int(end)):]...)
		if p := m.Make(target, old); p != nil && !bytes.Equal(made(t, p, old), target) {
			t.Error("other bytes come out")
		}
	})
}

// FuzzDifferencesAreAddedOrRefused adds any differences to any bytes.
func FuzzDifferencesAreAddedOrRefused(f *testing.F) {
	f.Add(2, []byte{1, 2}, []byte("12345678"), []byte("some bytes"))
	f.Add(1, []byte{0}, []byte("1234"), []byte("b"))
	f.Fuzz(func(t *testing.T, count int, gaps, values, old []byte) {
		d, err := aligned.NewDifferences(count, gaps, values)
		for at := 0; err == nil && at < len(old); at += 7 {
			err = d.Add(old[at:min(len(old), at+7)])
		}
		if err != nil && !errors.Is(err, aligned.ErrDifferences) {
			t.Errorf("%v", err)
		}
	})
}
