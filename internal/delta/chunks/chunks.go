// Package chunks sums payloads, and cuts large ones into chunks of about 16 KiB at
// places that depend on the content around them alone: behind an insertion the cuts
// are the old ones again. It is pure.
package chunks

import (
	"crypto/sha256"
	"hash"
)

const (
	// From is how large a payload is at least that is cut.
	From = 256 << 10
	// Max is how many bytes a chunk has at most.
	Max   = 64 << 10
	least = 4 << 10
	bits  = 14
)

// Sum is the begin of a SHA-256.
type Sum [16]byte

// Chunk is a part of a payload, cut by its content.
type Chunk struct {
	Sum  Sum
	Size uint32
}

// Hasher sums payloads in turn. The sum of a payload in chunks is that of their sums,
// so that no byte is hashed twice.
type Hasher struct {
	// All are the chunks of all payloads, in order.
	All []Chunk

	gear   [256]uint64
	whole  hash.Hash
	part   hash.Hash
	cut    bool // into chunks
	rolled uint64
	filled int // bytes of the chunk
}

// New returns a hasher without a payload.
func New() *Hasher {
	h := &Hasher{whole: sha256.New(), part: sha256.New()}
	seed := uint64(0)
	for i := range h.gear { // splitmix64
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		h.gear[i] = z ^ z>>31
	}
	return h
}

// Begin starts a payload, which is cut or not.
func (h *Hasher) Begin(cut bool) {
	h.whole.Reset()
	h.part.Reset()
	h.cut, h.rolled, h.filled = cut, 0, 0
}

// Write adds bytes of the payload.
func (h *Hasher) Write(p []byte) {
	if !h.cut {
		h.whole.Write(p)
		return
	}
	for len(p) > 0 {
		n := h.scan(p)
		h.part.Write(p[:n])
		p = p[n:]
	}
}

// scan takes bytes up to the end of the chunk or of p, and returns how many. The
// chunk that is full before it is called is finished first.
func (h *Hasher) scan(p []byte) int {
	const mask = (1<<bits - 1) << (64 - bits)
	if h.filled == Max || h.filled >= least && h.rolled&mask == 0 {
		h.finish()
	}
	n := 0
	// The hash depends on the last 64 bytes: those before need not be looked at.
	if skip := least - 64 - h.filled; skip > 0 {
		n = min(skip, len(p))
		h.filled += n
	}
	end := min(len(p), n+Max-h.filled)
	rolled, from := h.rolled, n
	for ; n < end; n++ {
		rolled = rolled<<1 + h.gear[p[n]]
		if rolled&mask == 0 && h.filled+n-from+1 >= least {
			n++
			break
		}
	}
	h.filled += n - from
	h.rolled = rolled
	return n
}

// finish ends a chunk.
func (h *Hasher) finish() {
	if h.filled == 0 {
		return
	}
	c := Chunk{Size: uint32(h.filled)}
	copy(c.Sum[:], h.part.Sum(nil))
	h.whole.Write(c.Sum[:])
	h.All = append(h.All, c)
	h.part.Reset()
	h.rolled, h.filled = 0, 0
}

// End returns the sum of the payload. Its chunks are in All then.
func (h *Hasher) End() (sum Sum) {
	h.finish()
	copy(sum[:], h.whole.Sum(nil))
	return sum
}
