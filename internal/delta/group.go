package delta

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"
)

const (
	// smallPiece is how many bytes share a group with others at most.
	smallPiece = 64 << 10
	// smallGroup is how many bytes such a group makes at most: they fit into a batch
	// even if they do not compress.
	smallGroup = 160 << 10
	// smallGap is how far apart two ranges may be to be merged.
	smallGap = 2 << 10
)

// window is a range of a base.
type window struct {
	base     int
	from, to int64
}

// group collects output that is compressed together, with what it may be made of.
type group struct {
	bases       []Tar
	plain, dict *zstd.Encoder // plain is for a batch's text, too

	out    []byte
	ranges []window
	window int // bytes of all ranges
	loaded bool

	content       []byte // reused
	frame, single bytes.Buffer
}

// fits reports whether p and the window of it have room in a group of several pieces.
func (g *group) fits(p []byte, w window) bool {
	return len(g.out)+len(p) <= smallGroup && g.window+int(w.to-w.from)+smallGap <= windowSize && (len(g.ranges)+1)*8 < MaxBatch/8
}

// add adds a piece and what it may be made of, which may be nothing.
func (g *group) add(p []byte, w window) {
	g.loaded = false
	g.out = append(g.out, p...)
	if w.to <= w.from {
		return
	}
	if n := len(g.ranges); n > 0 {
		last := &g.ranges[n-1]
		if last.base == w.base && w.from >= last.from && w.from <= last.to+smallGap {
			g.window += int(max(0, w.to-last.to))
			last.to = max(last.to, w.to)
			return
		}
	}
	g.ranges = append(g.ranges, w)
	g.window += int(w.to - w.from)
}

// most is how many bytes the group adds to a batch at most.
func (g *group) most() int { return len(g.out) + len(g.ranges)*16 + most }

// load reads the window.
func (g *group) load() error {
	if g.loaded {
		return nil
	}
	g.content = slices.Grow(g.content[:0], g.window)[:g.window]
	at := 0
	for _, w := range g.ranges {
		n := int(w.to - w.from)
		if err := read(g.bases[w.base].Bytes, g.content[at:at+n], w.from); err != nil {
			return err
		}
		at += n
	}
	g.loaded = true
	return nil
}

// compress returns the frame of the group, which is overwritten by the next.
func (g *group) compress() ([]byte, error) {
	if err := g.load(); err != nil {
		return nil, err
	}
	if g.window == 0 {
		g.frame.Reset()
		g.frame.Write(g.plain.EncodeAll(g.out, g.frame.AvailableBuffer()))
		return g.frame.Bytes()[len(zstdMagic):], nil
	}
	return g.encode(&g.frame, g.out, g.content)
}

// encode makes the frame of content with a window, if any. It is a stream of one write:
// ResetWithOptions fills the tables of the stream's encoder with the window, and EncodeAll
// would hold a second encoder, and fill that, too.
func (g *group) encode(frame *bytes.Buffer, content, window []byte) ([]byte, error) {
	frame.Reset()
	err := g.dict.ResetWithOptions(frame, zstd.WithEncoderDictRaw(0, window))
	if err == nil {
		_, err = g.dict.Write(content)
	}
	if err == nil {
		err = g.dict.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compress with a window of %d bytes: %w", len(window), err)
	}
	return frame.Bytes()[len(zstdMagic):], nil
}

func (g *group) reset() {
	g.out, g.ranges, g.window = g.out[:0], g.ranges[:0], 0
}
