package delta

import (
	"hash/fnv"
	"strings"
)

// named fills in what a member is found by in another tar.
func (m *member) named(path string) {
	path = strings.TrimPrefix(strings.TrimLeft(path, "./"), "/")
	h := fnv.New64a()
	h.Write([]byte(path))
	m.path = h.Sum64()
	m.folded = folded(path)
	name := strings.LastIndexByte(strings.TrimRight(path, "/"), '/') + 1
	parent := strings.LastIndexByte(path[:max(0, name-1)], '/') + 1
	m.tail, m.name = folded(path[parent:]), folded(path[name:])
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
