package store

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Bounds on the memory of those who read.
const (
	// readers is how many Encodes read at a time: each holds some 15 MiB.
	readers = 1
	// cached is how many frames of content each of them holds: those of the target and
	// around a place of a base, and some for what moved.
	cached = 5
	// slack is what the decoder wants behind the content; without it, it allocates anew.
	slack = 1 << 10
	// maxOpen bounds the indexes that are in memory, as stored.
	maxOpen = 10 << 20
)

// patience is how long an Encode waits for another to end. Then the layer goes whole.
const patience = 5 * time.Second

// desk is what an Encode reads copies with: a decoder and the frames that it read last.
// It is used again, so that it is allocated once.
type desk struct {
	mu     sync.Mutex
	dec    *zstd.Decoder
	packed []byte
	frames [cached]frame
	clock  int
}

// frame is a frame of a copy in memory.
type frame struct {
	of      *copied
	number  int64
	content []byte
	used    int // by the desk's clock; 0 if it is free
}

// desk returns a free desk. It fails with ErrAbsent if there is none for a while.
func (s *Store) desk(ctx context.Context) (*desk, error) {
	select {
	case d := <-s.desks:
		return d, nil
	default:
	}
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	select {
	case d := <-s.desks:
		return d, nil
	case <-timer.C:
		return nil, fmt.Errorf("%w that can be read now: %d others are read", ErrAbsent, readers)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// leave gives a desk back. What is on it is of copies that are closed.
func (s *Store) leave(d *desk) {
	for i := range d.frames {
		d.frames[i].of, d.frames[i].used = nil, 0
	}
	s.desks <- d
}

// read fills p from a copy's content at an offset, as [io.ReaderAt] does.
func (d *desk) read(c *copied, p []byte, at int64) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n < len(p) {
		if at < 0 || at >= c.size {
			return n, io.EOF
		}
		content, err := d.frame(c, at/frameSize)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], content[at%frameSize:])
		n, at = n+m, at+int64(m)
	}
	return n, nil
}

// frame returns the content of a frame, which is good until the next call.
func (d *desk) frame(c *copied, number int64) ([]byte, error) {
	d.clock++
	oldest := &d.frames[0]
	for i := range d.frames {
		f := &d.frames[i]
		if f.of == c && f.number == number {
			f.used = d.clock
			return f.content, nil
		}
		if f.used < oldest.used {
			oldest = f
		}
	}
	oldest.of, oldest.used = nil, 0
	if err := d.load(c, number, oldest); err != nil {
		return nil, err
	}
	oldest.of, oldest.number, oldest.used = c, number, d.clock
	return oldest.content, nil
}

// load reads a frame and checks it.
func (d *desk) load(c *copied, number int64, into *frame) (err error) {
	if d.dec == nil {
		d.packed = make([]byte, maxFrame)
		if d.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(frameSize), zstd.WithDecoderMaxWindow(frameSize)); err != nil {
			return err
		}
	}
	if into.content == nil {
		into.content = make([]byte, 0, frameSize+slack)
	}
	begin := int64(0)
	if number > 0 {
		begin = c.ends[number-1]
	}
	packed := d.packed[:c.ends[number]-begin]
	if _, err := c.file.ReadAt(packed, begin); err != nil {
		return c.damaged(number, err)
	}
	content, err := d.dec.DecodeAll(packed, into.content[:0])
	if err == nil && int64(len(content)) != c.content(number) {
		err = fmt.Errorf("it has %d bytes", len(content))
	}
	if err != nil {
		return c.damaged(number, err)
	}
	into.content = content
	return nil
}
