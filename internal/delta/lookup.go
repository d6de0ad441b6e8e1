package delta

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/chunks"
)

// spot is a member of a base.
type spot struct {
	base, member int
}

// lookup finds members and chunks of the bases. Its tables are made when they are
// asked for: for a layer that has not changed there is none.
type lookup struct {
	bases  []Tar
	tables [MaxBases][tables][]uint32
	starts [MaxBases][]int64 // of chunks in the tar
}

// The tables of a base: its members, or its chunks, in the order of a key.
const (
	byPath = iota
	byBody
	byFolded
	byTail
	byName
	byChunk
	tables
)

// key returns what a table has its members in the order of.
func key(table int, m *member) uint64 {
	switch table {
	case byPath:
		return m.path
	case byBody:
		return binary.BigEndian.Uint64(m.body[:])
	case byFolded:
		return uint64(m.folded)
	case byTail:
		return uint64(m.tail)
	default:
		return uint64(m.name)
	}
}

// table returns a base's members, or chunks, in the order of their keys.
func (l *lookup) table(base, table int) []uint32 {
	if t := l.tables[base][table]; t != nil {
		return t
	}
	x := l.bases[base].Index
	n := len(x.members)
	if table == byChunk {
		n = len(x.chunks)
	}
	t := make([]uint32, n)
	for i := range t {
		t[i] = uint32(i)
	}
	if table == byChunk {
		slices.SortFunc(t, func(a, b uint32) int {
			return cmp.Or(bytes.Compare(x.chunks[a].Sum[:], x.chunks[b].Sum[:]), cmp.Compare(a, b))
		})
	} else {
		slices.SortFunc(t, func(a, b uint32) int {
			return cmp.Or(cmp.Compare(key(table, &x.members[a]), key(table, &x.members[b])), cmp.Compare(a, b))
		})
	}
	l.tables[base][table] = t
	return t
}

// many is how many members with the same key are looked at.
const many = 16

// members calls each with the members of a base that have a key as m does, nearest
// to a place in the order of the base first or last, and at most many.
func (l *lookup) members(base, table int, m *member, near int, each func(i int, c *member)) {
	t, x, k := l.table(base, table), l.bases[base].Index, key(table, m)
	from := sort.Search(len(t), func(i int) bool { return key(table, &x.members[t[i]]) >= k })
	to := from + sort.Search(len(t)-from, func(i int) bool { return key(table, &x.members[t[from+i]]) > k })
	// Equal keys are in the order of members: the nearest are around a single place.
	at := from + sort.Search(to-from, func(i int) bool { return int(t[from+i]) >= near })
	for i := max(from, at-many/2); i < min(to, at+many/2); i++ {
		each(int(t[i]), &x.members[t[i]])
	}
}

// body returns a member with the payload of m, at best the nearest to next.
func (l *lookup) body(m *member, next spot) (spot, bool) {
	best, ok := spot{}, false
	for _, base := range l.order(next.base) {
		l.members(base, byBody, m, next.member, func(i int, c *member) {
			if c.body != m.body || c.size != m.size || ok && (best.base != base || distance(best.member, next.member) <= distance(i, next.member)) {
				return
			}
			best, ok = spot{base, i}, true
		})
		if ok {
			break
		}
	}
	return best, ok
}

func distance[T int | int64](a, b T) T { return max(a, b) - min(a, b) }

// order returns the bases, first before the others.
func (l *lookup) order(first int) []int {
	order := make([]int, 0, len(l.bases))
	if first < len(l.bases) {
		order = append(order, first)
	}
	for i := range l.bases {
		if i != first {
			order = append(order, i)
		}
	}
	return order
}

// path returns the member with the path of m, at best with its payload too.
func (l *lookup) path(m *member, next spot) (spot, bool) {
	best, score := spot{}, 0
	for _, base := range l.order(next.base) {
		l.members(base, byPath, m, next.member, func(i int, c *member) {
			s := 1
			if c.body == m.body && c.size == m.size {
				s += 2
			}
			if c.head == m.head && c.header == m.header {
				s++
			}
			if s > score {
				best, score = spot{base, i}, s
			}
		})
		if score > 2 {
			break
		}
	}
	return best, score > 0
}

// like returns the member whose path is most like that of m, with a payload if m has
// one, and of several the member whose size is nearest.
func (l *lookup) like(m *member, next spot) (spot, bool) {
	for _, table := range []int{byFolded, byTail, byName} {
		best, least := spot{}, int64(-1)
		for _, base := range l.order(next.base) {
			l.members(base, table, m, next.member, func(i int, c *member) {
				if d := distance(c.size, m.size); (c.size > 0) == (m.size > 0) && (least < 0 || d < least) {
					best, least = spot{base, i}, d
				}
			})
		}
		if least >= 0 {
			return best, true
		}
	}
	return spot{}, false
}

// chunk returns where a base has a chunk, at best within the member first.
func (l *lookup) chunk(c *chunks.Chunk, first spot) (base int, offset int64, index int, ok bool) {
	for _, base := range l.order(first.base) {
		t, x := l.table(base, byChunk), l.bases[base].Index
		at := sort.Search(len(t), func(i int) bool { return bytes.Compare(x.chunks[t[i]].Sum[:], c.Sum[:]) >= 0 })
		found := -1
		for i := at; i < min(len(t), at+many) && x.chunks[t[i]] == *c; i++ {
			if found < 0 {
				found = int(t[i])
			}
			if base == first.base {
				if from, to := x.cuts(first.member); int(t[i]) >= from && int(t[i]) < to {
					found = int(t[i])
					break
				}
			}
		}
		if found >= 0 {
			return base, l.start(base, found), found, true
		}
	}
	return 0, 0, 0, false
}

// start returns where chunk i of a base begins in the tar.
func (l *lookup) start(base, i int) int64 {
	if l.starts[base] == nil {
		x := l.bases[base].Index
		starts := make([]int64, len(x.chunks))
		for j := range x.members {
			at := x.members[j].payload()
			from, to := x.cuts(j)
			for k := from; k < to; k++ {
				starts[k] = at
				at += int64(x.chunks[k].Size)
			}
		}
		l.starts[base] = starts
	}
	return l.starts[base][i]
}
