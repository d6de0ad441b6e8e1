package tarblock

import (
	"hash/fnv"
	"strings"
)

// Names are what a member is found by in another tar: hashes of its path, and of the
// whole path, its last two elements and its last without their numbers.
type Names struct {
	Path               uint64
	Folded, Tail, Name uint32
}

// NamesOf returns those of a path.
func NamesOf(path string) Names {
	path = strings.TrimPrefix(strings.TrimLeft(path, "./"), "/")
	h := fnv.New64a()
	h.Write([]byte(path))
	name := strings.LastIndexByte(strings.TrimRight(path, "/"), '/') + 1
	parent := strings.LastIndexByte(path[:max(0, name-1)], '/') + 1
	return Names{h.Sum64(), folded(path), folded(path[parent:]), folded(path[name:])}
}

// folded hashes a path without its words that have a digit, such as versions and
// the hashes that bundlers put into names.
func folded(path string) uint32 {
	h := fnv.New32a()
	word, digit := 0, false
	end := func(i int) {
		if digit {
			h.Write([]byte{'#'})
		} else {
			h.Write([]byte(path[word:i]))
		}
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
		default:
			end(i)
			h.Write([]byte{c})
			word, digit = i+1, false
		}
	}
	end(len(path))
	return h.Sum32()
}
