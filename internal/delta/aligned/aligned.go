// Package aligned makes bytes out of older ones that are almost the same at almost
// the same places, such as those of a program that is linked again: code moves, and
// each number that points across what is new changes by how far. It is pure.
//
// A run is a part of the new bytes with the old bytes that it is laid over. If the two
// differ, the difference is that of two numbers of four bytes, little-endian: an
// address that moves differs by the same number everywhere, whatever it was.
package aligned

import "encoding/binary"

// Most is how many bytes the target and the old bytes of a patch have at most.
const Most = 1 << 20

// Run is a part of a target that is made of old bytes.
type Run struct {
	Skip int // bytes of the target before it that are not made of old ones
	Old  int // the offset of the old bytes
	Size int
}

// Patch is how a target is made of old bytes.
type Patch struct {
	Runs []Run
	// New are the bytes of the target that no run makes.
	New []byte
	// Count is the number of differences. Gaps are their places: of each a uvarint,
	// the bytes of runs between it and the end of the run before. Values are their
	// bytes: the lowest byte of each, then the next of each, four times. When a run
	// ends within a difference, what is left of the difference is not added.
	Count        int
	Gaps, Values []byte
}

const (
	// key is how many bytes old and target must have in common to begin a run.
	key = 16
	// bits is the size of the table: 2 MiB.
	bits = 19
	// least is how many bytes a run has at least. From enough on, no other place is
	// looked for.
	least, enough = 16, 32
	// drop is by how much the score of a run may fall before its end is looked for no
	// further, reach is over how many bytes.
	drop, reach = 24, 64
	// again is what a difference like the last adds to the score of a run.
	again = 3
	// maxRuns is how many runs a patch has at most.
	maxRuns = 2000
)

// Maker makes patches. It holds some 2 MiB beside the largest patch. Not safe for use
// by several goroutines.
type Maker struct {
	table       []uint32 // a place in old, plus 1, by the hash of what is there
	target, old []byte
	patch       Patch
	values      [4][]byte
	left        int // bytes of runs since the last difference
}

// Make returns how target is made of old, or nil if old is not much like it or either
// is longer than [Most]. The patch is overwritten by the next.
func (m *Maker) Make(target, old []byte) *Patch {
	if max(len(target), len(old)) > Most || len(old) < key {
		return nil
	}
	m.target, m.old = target, old
	m.patch = Patch{Runs: m.patch.Runs[:0], New: m.patch.New[:0], Gaps: m.patch.Gaps[:0], Values: m.patch.Values[:0]}
	for i := range m.values {
		m.values[i] = m.values[i][:0]
	}
	m.left = 0
	m.fill()
	if !m.runs() {
		return nil
	}
	for _, plane := range m.values {
		m.patch.Values = append(m.patch.Values, plane...)
	}
	m.patch.Count = len(m.values[0])
	return &m.patch
}

// fill notes the places of old's parts by their hashes. Of equal parts the first stays.
func (m *Maker) fill() {
	if m.table == nil {
		m.table = make([]uint32, 1<<bits)
	}
	clear(m.table)
	for i := len(m.old) - key; i >= 0; i-- {
		m.table[hash(m.old[i:])] = uint32(i) + 1
	}
}

func hash(b []byte) uint64 {
	return (binary.LittleEndian.Uint64(b)*0x9e3779b185ebca87 ^ binary.LittleEndian.Uint64(b[8:])*0xc2b2ae3d27d4eb4f) >> (64 - bits)
}

// runs fills the patch. It reports whether most of the target is in runs.
func (m *Maker) runs() bool {
	at, shift := 0, 0 // the end of the last run, and the place in old of what follows it
	for p := 0; p < len(m.target); {
		size, to := m.alike(p, p+shift), shift
		if size < enough && p+key <= len(m.target) {
			if i := m.table[hash(m.target[p:])]; i > 0 {
				if n := m.alike(p, int(i)-1); n > size+4 {
					size, to = n, int(i)-1-p
				}
			}
		}
		if size < least {
			p++
			if len(m.patch.New)+p-at > len(m.target)/4 {
				return false
			}
			continue
		}
		for p > at && p+to > 0 && m.target[p-1] == m.old[p+to-1] {
			p, size = p-1, size+1
		}
		if len(m.patch.Runs) == maxRuns {
			return false
		}
		m.patch.Runs = append(m.patch.Runs, Run{p - at, p + to, size})
		m.patch.New = append(m.patch.New, m.target[at:p]...)
		m.differences(m.target[p:p+size], m.old[p+to:p+to+size])
		p, shift = p+size, to
		at = p
	}
	m.patch.New = append(m.patch.New, m.target[at:]...)
	return true
}

// alike returns how many bytes from p on are much like those of old from q on.
func (m *Maker) alike(p, q int) int {
	if q < 0 || q >= len(m.old) {
		return 0
	}
	n := min(len(m.target)-p, len(m.old)-q)
	target, old := m.target[p:p+n], m.old[q:q+n]
	best, score, size, last := 0, 0, 0, uint32(0)
	for i := 0; i < n && score >= best-drop && i-size <= reach; {
		switch {
		case i+8 <= n && binary.LittleEndian.Uint64(target[i:]) == binary.LittleEndian.Uint64(old[i:]):
			score, i = score+8, i+8
		case target[i] == old[i]:
			score, i = score+1, i+1
		default:
			d := number(target[i:]) - number(old[i:])
			if d == last {
				score += again
			} else {
				score += likeness(d)
			}
			last, i = d, min(n, i+4)
		}
		if score > best {
			best, size = score, i
		}
	}
	return size
}

// differences adds those of a run.
func (m *Maker) differences(target, old []byte) {
	for i := 0; i < len(target); {
		if target[i] == old[i] {
			i, m.left = i+1, m.left+1
			continue
		}
		m.patch.Gaps = binary.AppendUvarint(m.patch.Gaps, uint64(m.left))
		d := number(target[i:]) - number(old[i:])
		for k := range m.values {
			m.values[k] = append(m.values[k], byte(d>>(8*k)))
		}
		i, m.left = i+4, 0
	}
}

// likeness returns what a difference adds to the score of a run: 1 for each byte that
// is zero, and 2 less than nothing for another.
func likeness(d uint32) int {
	n, d := 4, min(d, -d)
	for ; d > 0; d >>= 8 {
		if d&0xff != 0 {
			n -= 3
		}
	}
	return n
}
