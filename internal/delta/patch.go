package delta

import (
	"encoding/binary"
	"math"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/aligned"
)

const (
	// worth is what part of a piece its frame must be for a patch to be tried: a text
	// that changes by a line does not gain.
	worth = 64
	// goodPatch is what part of a piece a patch is that needs no comparison.
	goodPatch = 32
	// runBytes is how many bytes of text a run and what it skips have at most.
	runBytes = 24
)

// patch is a piece as runs of a base with differences.
type patch struct {
	*aligned.Patch
	window window
	frames []byte
	groups []section
}

// section is a group of a patch: its output and its frame.
type section struct{ output, frame int }

// makePatch makes a patch of the piece that is in the group. It returns about how many
// bytes of a batch it is, or the largest int if there is none.
func (b *batcher) makePatch() (int, error) {
	g, p := &b.group, &b.patch
	if len(g.ranges) != 1 {
		return math.MaxInt, nil
	}
	if err := g.load(); err != nil {
		return 0, err
	}
	made := b.maker.Make(g.out, g.content)
	if made == nil || len(made.Gaps)+len(made.Values) > maxDiffer {
		return math.MaxInt, nil
	}
	*p = patch{made, g.ranges[0], p.frames[:0], p.groups[:0]}
	for _, content := range [][]byte{made.Gaps, made.Values[:made.Count], made.Values[made.Count:], made.New} {
		if len(content) == 0 {
			continue
		}
		frame, err := g.encode(&g.single, content, nil)
		if err != nil {
			return 0, err
		}
		p.frames = append(p.frames, frame...)
		p.groups = append(p.groups, section{len(content), len(frame)})
	}
	if len(p.frames) > maxFrame {
		return math.MaxInt, nil
	}
	return len(p.frames) + 6*len(p.Runs) + 8*len(p.groups), nil
}

// putPatch adds the piece that is in the group as the patch that was made of it.
func (b *batcher) putPatch() error {
	p, left := &b.patch, len(b.group.out)
	b.group.reset()
	if err := b.room(len(p.frames)+runBytes*(len(p.Runs)+1), left); err != nil {
		return err
	}
	frames := p.frames
	for _, s := range p.groups {
		b.put(nil, s.output, frames[:s.frame])
		frames = frames[s.frame:]
	}
	if p.Count > 0 {
		b.text = binary.AppendUvarint(append(b.text, opDiffer), uint64(p.Count))
		b.text = binary.AppendUvarint(b.text, uint64(len(p.Gaps)))
	}
	for _, r := range p.Runs {
		if r.Skip > 0 {
			b.taken(r.Skip)
		}
		offset := p.window.from + int64(r.Old)
		b.text = b.place.append(b.text, opAdd, p.window.base, offset)
		b.text = binary.AppendUvarint(b.text, uint64(r.Size))
		b.place.moved(offset + int64(r.Size))
		b.to += int64(r.Size)
		left -= r.Skip + r.Size
	}
	if left > 0 {
		b.taken(left)
	}
	return nil
}
