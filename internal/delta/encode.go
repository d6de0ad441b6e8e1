package delta

import (
	"context"
	"fmt"
	"slices"
	"sort"
)

// Encode calls each with the batches that make target[from:] out of the bases, in
// order and without a gap; nothing is called if nothing is left to make. Batches name
// bases by their place in the list, of which there are at most [MaxBases]. It reads
// what differs, and of equal parts nothing. It returns what reading a tar returns,
// what each returns, or the cause of ctx.
func Encode(ctx context.Context, target Tar, bases []Tar, from int64, each func(Batch) error) error {
	if from < 0 || from > target.Index.size || len(bases) > MaxBases {
		return fmt.Errorf("encode from byte %d of %d with %d bases", from, target.Index.size, len(bases))
	}
	out, err := newBatcher(bases, from, each)
	if err != nil {
		return err
	}
	e := &encoder{Tar: target, lookup: lookup{bases: bases}, out: out}
	members := target.Index.members
	for i := sort.Search(len(members), func(i int) bool { return members[i].end() > from }); i < len(members); i++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := e.member(ctx, i); err != nil {
			return err
		}
	}
	return out.flush()
}

// encoder compares a target with its bases, member by member.
type encoder struct {
	Tar
	lookup
	out *batcher
	// next is the member that is expected: the member after the last that was found.
	next spot

	head, old, block []byte // reused
}

// at returns a member of a base, nil if there is none.
func (e *encoder) at(s spot) *member {
	if s.base >= len(e.bases) || s.member >= len(e.bases[s.base].Index.members) {
		return nil
	}
	return &e.bases[s.base].Index.members[s.member]
}

// member makes member i of the target.
func (e *encoder) member(ctx context.Context, i int) error {
	m := &e.Index.members[i]
	same, found := e.next, false
	if c := e.at(same); c != nil && c.path == m.path {
		found = true
	} else if same, found = e.path(m, e.next); !found {
		same = e.next
	}
	// What has the payload, and what the payload is most like.
	body, equal := same, false
	if c := e.at(same); c != nil && m.size > 0 {
		equal = c.body == m.body && c.size == m.size
	}
	if !equal && m.size > 0 {
		if body, equal = e.body(m, e.next); !equal {
			body = same
		}
	}
	if !found && equal {
		same, found = body, true
	}
	if !found {
		if c, ok := e.like(m, e.next); ok {
			same, body, found = c, c, true
		}
	}
	if err := e.header(m, same); err != nil {
		return err
	}
	if m.size > 0 {
		var err error
		if equal {
			err = e.out.copy(m.payload(), body.base, e.at(body).payload(), m.size)
		} else {
			err = e.payload(ctx, i, body)
		}
		if err != nil {
			return err
		}
	}
	if found {
		e.next = spot{same.base, same.member + 1}
	}
	return nil
}

// header makes the header run of m, out of that of another member, if any.
func (e *encoder) header(m *member, like spot) error {
	if m.header == 0 || m.payload() <= e.out.to {
		return nil
	}
	c := e.at(like)
	if c != nil && c.header == m.header && c.head == m.head {
		return e.out.copy(m.offset, like.base, c.offset, int64(m.header))
	}
	e.head = slices.Grow(e.head[:0], int(m.header))[:m.header]
	if err := read(e.Bytes, e.head, m.offset); err != nil {
		return err
	}
	e.old = e.old[:0]
	if c != nil {
		e.old = slices.Grow(e.old[:0], int(c.header))[:c.header]
		if err := read(e.bases[like.base].Bytes, e.old, c.offset); err != nil {
			return err
		}
	}
	// The last block of a run is the header itself: runs are compared from their ends.
	shift := len(e.old) - len(e.head)
	for at := 0; at < len(e.head); at += block {
		var err error
		if from := at + shift; from >= 0 {
			err = e.out.header(m.offset+int64(at), e.head[at:at+block], like.base, c.offset+int64(from), e.old[from:from+block])
		} else {
			err = e.out.literal(m.offset+int64(at), e.head[at:at+block])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
