package delta

import (
	"context"
	"slices"
)

// stretch is a part of a payload that a base has: chunks that follow each other in
// both.
type stretch struct {
	from, to int64 // in the target
	base     int
	offset   int64 // in the base
}

// shift is how much further on a base has it.
func (s *stretch) shift() int64 { return s.offset - s.from }

// minCopy is how long a stretch must be for a copy of its own: a shorter stretch costs
// less as a part of what is around it.
const minCopy = 96 << 10

// stretches returns what of member i is in the bases, by its chunks.
func (e *encoder) stretches(i int, like spot) []stretch {
	var found []stretch
	m := &e.Index.members[i]
	at := m.payload()
	from, to := e.Index.cuts(i)
	next := -1 // the chunk of the last stretch's base that would go on with it
	for k := from; k < to; k++ {
		c := &e.Index.chunks[k]
		end := at + int64(c.Size)
		var last *stretch
		if len(found) > 0 {
			last = &found[len(found)-1]
		}
		if next >= 0 && next < len(e.bases[last.base].Index.chunks) && e.bases[last.base].Index.chunks[next] == *c &&
			e.start(last.base, next) == last.shift()+at {
			last.to = end
			next++
		} else if base, offset, index, ok := e.chunk(c, like); ok {
			if last != nil && last.to == at && last.base == base && last.shift() == offset-at {
				last.to = end
			} else {
				found = append(found, stretch{at, end, base, offset})
			}
			next = index + 1
		} else {
			next = -1
		}
		at = end
	}
	return found
}

// payload makes the payload of member i, which no base has as it is, from what it is
// most like: an older payload, or a neighbour of its place.
func (e *encoder) payload(ctx context.Context, i int, like spot) error {
	m := &e.Index.members[i]
	if m.size <= smallPiece {
		return e.small(m, like)
	}
	known := e.stretches(i, like)
	guide := stretch{from: m.payload(), to: m.payload(), base: like.base}
	if c := e.at(like); c != nil {
		guide.offset = c.payload()
	} else {
		guide.base = -1
	}
	at, end := max(m.payload(), e.out.to), m.end()
	first := 0
	for k := range known {
		s := &known[k]
		if s.to-s.from < minCopy && s.to-s.from < m.size/2 {
			continue
		}
		if err := e.blocks(ctx, at, s.from, guide, known[first:k+1]); err != nil {
			return err
		}
		if err := e.out.copy(s.from, s.base, s.offset, s.to-s.from); err != nil {
			return err
		}
		at, guide, first = max(at, s.to), *s, k+1
	}
	return e.blocks(ctx, at, end, guide, known[first:])
}

// small makes the payload of m out of the whole payload of another member.
func (e *encoder) small(m *member, like spot) error {
	e.block = slices.Grow(e.block[:0], int(m.size))[:m.size]
	if err := read(e.Bytes, e.block, m.payload()); err != nil {
		return err
	}
	var w window
	if c := e.at(like); c != nil {
		w = window{like.base, c.payload(), c.payload() + min(c.size, m.size+windowPad)}
	}
	return e.out.take(m.payload(), e.block, w)
}

// blocks makes the bytes [at, end) of the target as patches. The guide is the stretch
// before them, known are those among them and behind.
func (e *encoder) blocks(ctx context.Context, at, end int64, guide stretch, known []stretch) error {
	for at < end {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		to := min(end, at+blockSize)
		e.block = slices.Grow(e.block[:0], int(to-at))[:to-at]
		if err := read(e.Bytes, e.block, at); err != nil {
			return err
		}
		for len(known) > 0 && known[0].from <= at {
			guide, known = known[0], known[1:]
		}
		if err := e.out.take(at, e.block, e.around(at, to, guide, known)); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// around returns the window of a base for the bytes [at, to) of the target: the guide's
// place, wider if a stretch within them or just behind leads elsewhere.
func (e *encoder) around(at, to int64, guide stretch, known []stretch) window {
	for i := 0; guide.base < 0 && i < len(known) && known[i].from < to+blockSize; i++ {
		guide = known[i]
	}
	if guide.base < 0 {
		return window{}
	}
	low, high := at+guide.shift(), to+guide.shift()
	for _, s := range known {
		if s.from >= to+windowPad {
			break
		}
		l, h := min(low, at+s.shift()), max(high, to+s.shift())
		if s.base == guide.base && h-l+2*windowPad <= windowSize {
			low, high = l, h
		}
	}
	size := e.bases[guide.base].Index.size
	return window{guide.base, min(max(0, low-windowPad), size), min(max(0, high+windowPad), size)}
}
