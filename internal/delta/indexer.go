package delta

import (
	"bytes"
	"crypto/sha256"
	"strconv"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/chunks"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/tarblock"
)

// maxRun bounds the header blocks of a member, its PAX records and long names
// included. What has more is taken for a payload.
const maxRun = 1 << 20

// Indexer is an [io.Writer] that makes the index of the tar that is written to it.
// It holds the index, one run of headers and nothing else.
type Indexer struct {
	index Index
	hash  *chunks.Hasher
	err   error

	run  []byte          // header blocks of the next member
	need int             // bytes of run that are to come before it is looked at again
	ext  tarblock.Header // the extension that they hold
	at   int             // where its content begins
	path string          // as an extension names it, or ""
	size int64           // as an extension states, or -1

	now   member
	left  int64 // bytes of the payload that are to come; -1: all
	bytes int   // of the marshalled index, about
}

// NewIndexer returns an indexer of a tar that begins with the next byte.
func NewIndexer() *Indexer {
	i := &Indexer{hash: chunks.New()}
	i.next()
	return i
}

// next makes ready for the header run of another member.
func (i *Indexer) next() {
	i.run, i.need, i.ext = i.run[:0], block, tarblock.Header{}
	i.path, i.size = "", -1
}

// Write implements [io.Writer]. It returns [ErrNotTar] as soon as it knows, and
// [ErrTooLarge].
func (i *Indexer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && i.err == nil; {
		var n int
		if i.left != 0 {
			n = len(rest)
			if i.left > 0 {
				n = int(min(int64(n), i.left))
				i.left -= int64(n)
			}
			i.hash.Write(rest[:n])
			i.now.size += int64(n)
			if i.left == 0 {
				i.finish()
			} else if i.bytes+(leastChunk+2)*len(i.hash.All) > MaxIndex {
				i.err = ErrTooLarge
			}
		} else {
			n = min(len(rest), i.need-len(i.run))
			i.run = append(i.run, rest[:n]...)
			if len(i.run) == i.need {
				i.look()
			}
		}
		rest = rest[n:]
	}
	if i.err != nil {
		return 0, i.err
	}
	return len(p), nil
}

// look is called when the run has the bytes that it needs.
func (i *Indexer) look() {
	switch i.ext.Kind {
	case 'x', 'g':
		i.records()
	case 'L':
		i.path = tarblock.Text(i.run[i.at:])
	case 'S':
		if i.ext.More = i.run[len(i.run)-block+504] != 0; i.ext.More && i.need < maxRun {
			i.need += block
			return
		}
		i.begin(i.ext)
		return
	}
	if i.ext.Kind != 0 { // the block after an extension
		i.ext, i.need = tarblock.Header{}, i.need+block
		return
	}
	h, ok := tarblock.Parse(i.run[len(i.run)-block:])
	switch size := (h.Size + block - 1) &^ (block - 1); {
	case !ok:
		i.trail()
	case (h.Kind == 'x' || h.Kind == 'g' || h.Kind == 'L' || h.Kind == 'K') && size+2*block <= maxRun-int64(len(i.run)):
		i.ext, i.at = h, len(i.run)
		i.need += int(size)
		if size == 0 {
			i.look()
		}
	case h.More:
		i.ext = h
		i.need += block
	default:
		i.begin(h)
	}
}

// records takes the path and the size from a PAX header.
func (i *Indexer) records() {
	if i.ext.Kind == 'g' {
		return
	}
	tarblock.Records(i.run[i.at:i.at+int(i.ext.Size)], func(key, value string) {
		switch key {
		case "path":
			i.path = value
		case "size":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 && n < 1<<60 {
				i.size = n
			}
		}
	})
}

// begin starts the payload of the member that the run ends with.
func (i *Indexer) begin(h tarblock.Header) {
	if i.path != "" {
		h.Path = i.path
	}
	if i.size >= 0 && h.Size > 0 {
		h.Size = i.size
	}
	i.open(len(i.run), h.Path)
	i.left = (h.Size + block - 1) &^ (block - 1)
	i.hash.Begin(h.Size > chunks.From)
	if i.left == 0 {
		i.finish()
	}
}

// open starts a member with a header run of n bytes.
func (i *Indexer) open(n int, path string) {
	i.now = member{offset: i.index.size, header: uint32(n), chunked: uint32(len(i.hash.All))}
	names := tarblock.NamesOf(path)
	i.now.path, i.now.folded, i.now.tail, i.now.name = names.Path, names.Folded, names.Tail, names.Name
	sum := sha256.Sum256(i.run[:n])
	copy(i.now.head[:], sum[:])
}

// trail takes the run, which is no header, and all that follows for the end of the tar.
func (i *Indexer) trail() {
	if i.index.size == 0 && !beginsTar(i.run) {
		i.err = ErrNotTar
		return
	}
	i.open(0, "\x00end")
	i.left = -1
	i.hash.Begin(true)
	i.hash.Write(i.run)
	i.now.size = int64(len(i.run))
}

// beginsTar reports whether b begins with a header or, as an empty tar does, with a
// block of zeros.
func beginsTar(b []byte) bool {
	if len(b) < block {
		return false
	}
	_, ok := tarblock.Parse(b)
	return ok || bytes.Equal(b[:block], make([]byte, block))
}

// finish ends a member.
func (i *Indexer) finish() {
	i.now.body = i.hash.End()
	i.index.members = append(i.index.members, i.now)
	i.index.size = i.now.end()
	i.bytes += leastMember + 12
	if i.bytes+(leastChunk+2)*len(i.hash.All) > MaxIndex {
		i.err = ErrTooLarge
	}
	i.left = 0
	i.next()
}

// Close returns the index of what was written: [ErrNotTar] if that does not begin
// as a tar does. A tar that ends early has an index too.
func (i *Indexer) Close() (*Index, error) {
	if i.err != nil {
		return nil, i.err
	}
	if i.left != 0 {
		i.finish()
	} else if len(i.run) > 0 {
		if i.trail(); i.err == nil {
			i.finish()
		}
	}
	if i.err == nil && i.index.size == 0 {
		i.err = ErrNotTar
	}
	if i.err != nil {
		return nil, i.err
	}
	i.index.chunks = i.hash.All
	x := i.index
	return &x, nil
}
