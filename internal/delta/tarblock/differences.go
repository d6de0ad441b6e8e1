package tarblock

import (
	"bytes"
	"encoding/binary"
)

// Differences returns the runs of bytes that a block has other than old, and how many
// there are. A run is: uvarint bytes to skip; uvarint length, times two, and the bytes,
// or uvarint length, times two, plus 1, and uvarint: where in old they are.
func Differences(head, old []byte) (runs int, body []byte) {
	end := 0
	for i := 0; i < len(head); i++ {
		if head[i] == old[i] {
			continue
		}
		// A run ends when three bytes are equal: another run costs as much.
		from, last := i, i
		for ; i < len(head) && i-last <= 3; i++ {
			if head[i] != old[i] {
				last = i
			}
		}
		i = last
		// Of a longer run old may have a part elsewhere: the rest of a path in a folder
		// with another name.
		for from <= last {
			at, source, n := common(head[from:last+1], old, from)
			if n == 0 {
				at = last + 1 - from
			}
			if at > 0 {
				body = binary.AppendUvarint(body, uint64(from-end))
				body = binary.AppendUvarint(body, uint64(at)<<1)
				body = append(body, head[from:from+at]...)
				runs, from = runs+1, from+at
				end = from
			}
			if n > 0 {
				body = binary.AppendUvarint(body, uint64(from-end))
				body = binary.AppendUvarint(body, uint64(n)<<1|1)
				body = binary.AppendUvarint(body, uint64(source))
				runs, from = runs+1, from+n
				end = from
			}
		}
	}
	return runs, body
}

const (
	// leastMove is how long a part must be to be moved.
	leastMove = 8
	// moveReach is how far it may move.
	moveReach = 128
)

// common returns the longest part of run that old has too, somewhere near its own
// place: where it begins in run and in old, and how long it is. It is 0 if none is long.
func common(run, old []byte, place int) (at, source, n int) {
	if len(run) < leastMove {
		return 0, 0, 0
	}
	low := max(0, place-moveReach)
	near := old[low:min(len(old), place+len(run)+moveReach)]
	for i := 0; i+max(n, leastMove-1) < len(run); i++ {
		for from := 0; ; {
			// Only what is longer than the best so far is of use.
			length := max(n+1, leastMove)
			if i+length > len(run) {
				break
			}
			k := bytes.Index(near[from:], run[i:i+length])
			if k < 0 {
				break
			}
			from += k
			for i+length < len(run) && from+length < len(near) && run[i+length] == near[from+length] {
				length++
			}
			at, source, n = i, low+from, length
			from++
		}
	}
	return at, source, n
}
