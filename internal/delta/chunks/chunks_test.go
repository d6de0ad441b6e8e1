package chunks_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/chunks"
)

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// cut returns the sum and the chunks of b, which is written in pieces of a size.
func cut(b []byte, piece int) (chunks.Sum, []chunks.Chunk) {
	h := chunks.New()
	h.Begin(true)
	for p := range slices.Chunk(b, piece) {
		h.Write(p)
	}
	return h.End(), h.All
}

func TestCutsDependOnContentAlone(t *testing.T) {
	t.Parallel()
	b := noise(2 << 20)
	sum, all := cut(b, len(b))
	if n := len(all); n < 64 || n > 192 {
		t.Errorf("%d chunks of 2 MiB, not about 110", n)
	}
	total := 0
	for i, c := range all {
		if c.Size > chunks.Max || c.Size < 4<<10 && i+1 < len(all) {
			t.Errorf("a chunk of %d bytes", c.Size)
		}
		total += int(c.Size)
	}
	if total != len(b) {
		t.Errorf("chunks of %d bytes, not of %d", total, len(b))
	}
	for _, piece := range []int{777, 4096, 65537} {
		if s, c := cut(b, piece); s != sum || !slices.Equal(c, all) {
			t.Errorf("pieces of %d bytes make other chunks", piece)
		}
	}
	_, shifted := cut(slices.Insert(slices.Clone(b), 300_000, 'x'), len(b))
	known := 0
	for _, c := range shifted {
		if slices.Contains(all, c) {
			known++
		}
	}
	if known < len(all)-3 {
		t.Errorf("a byte more leaves %d chunks of %d", known, len(all))
	}
}

func TestASumIsThatOfThePayload(t *testing.T) {
	t.Parallel()
	h := chunks.New()
	var sums []chunks.Sum
	for _, b := range [][]byte{noise(1000), noise(1001), noise(300_000), noise(300_001)} {
		for range 2 {
			h.Begin(len(b) > chunks.From)
			h.Write(b)
			sums = append(sums, h.End())
		}
	}
	for i := 0; i < len(sums); i += 2 {
		if sums[i] != sums[i+1] || slices.Contains(sums[:i], sums[i]) {
			t.Errorf("sums %x", sums)
		}
	}
}
