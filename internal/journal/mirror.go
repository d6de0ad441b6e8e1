package journal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const (
	// mirrorEvery is the time between two rounds of a mirror.
	mirrorEvery = time.Second / 2
	// mostCopy is the size from which on a copy takes only the end of its run, in bytes.
	mostCopy = 512 << 10
)

// Mirror copies the newest runs to another journal, at most so many, until ctx ends: those that
// go on line by line, as they are written. Runs that are there before are removed, and nothing
// else may write there. It calls changed after a run has begun or has come to its end, and
// report after each round, with what could not be copied or nil.
func (j *Journal) Mirror(ctx context.Context, to *Journal, newest int, changed func(), report func(error)) {
	m := mirror{from: j, to: to, copies: map[string]*copied{}}
	defer m.keep(nil) // of files that are open; the copies stay
	to.keep(nil)
	tick := time.NewTicker(mirrorEvery)
	defer tick.Stop()
	for {
		moved, err := m.round(newest)
		report(err)
		if moved {
			changed()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// mirror is what a [Journal.Mirror] has open. It is bounded by the number of runs that it keeps.
type mirror struct {
	from, to *Journal
	copies   map[string]*copied // by run
}

// copied is a run that is being copied, or was.
type copied struct {
	tail   *tail // nil when all of it is copied
	writer *Writer
	begun  bool
	err    error
}

func (c *copied) close() {
	if c.tail != nil {
		c.tail.close()
		c.tail = nil
	}
	c.writer.Close()
}

// round copies what was added since the round before. moved reports whether a run began or
// came to its end.
func (m *mirror) round(newest int) (moved bool, err error) {
	paths := m.from.paths(0, "")
	if len(paths) == 0 { // there is none, or this account may not look
		if err := m.from.closed(); err != nil {
			return false, err
		}
	}
	slices.SortFunc(paths, newestFirst)
	paths = paths[:min(newest, len(paths))]
	kept, faults := map[string]bool{}, []error{}
	for _, path := range slices.Backward(paths) {
		id, _ := runOf(path)
		c, known := m.copies[id]
		if !known {
			if c, err = m.begin(path); err != nil {
				if !errors.Is(err, fs.ErrNotExist) { // swept meanwhile
					faults = append(faults, err)
				}
				continue
			}
			m.copies[id] = c
		}
		kept[id] = true
		moved = m.advance(c, path) || moved
		if c.err != nil { // it is begun anew in the next round
			faults = append(faults, c.err)
			kept[id] = false
		}
	}
	if m.keep(kept) {
		m.to.keep(kept)
	}
	return moved, errors.Join(faults...)
}

func (m *mirror) begin(path string) (*copied, error) {
	t, err := m.from.open(path)
	if err != nil {
		return nil, err
	}
	c := &copied{tail: t}
	c.writer = m.to.Writer(func(err error) { c.err = err })
	c.writer.most, c.writer.swept = mostCopy, true // the mirror sweeps
	return c, nil
}

// advance copies the lines of a run that are new.
func (m *mirror) advance(c *copied, path string) (moved bool) {
	if c.tail == nil {
		return false
	}
	held := busy(path) // before the look, in which the end of a run that ends meanwhile is seen
	if err := c.tail.next(c.writer.Append); err != nil {
		c.err = m.from.unavailable(err)
	}
	if !c.begun && c.tail.first.Run != "" {
		c.begun, moved = true, true
	}
	if c.tail.last.End != nil || !held || c.tail.left <= 0 {
		c.close()
		moved = c.begun
	}
	return moved
}

// keep closes all but these runs. It reports whether there was another run.
func (m *mirror) keep(kept map[string]bool) (dropped bool) {
	for id, c := range m.copies {
		if !kept[id] {
			c.close()
			delete(m.copies, id)
			dropped = true
		}
	}
	return dropped
}

// keep removes the files of all but these runs.
func (j *Journal) keep(kept map[string]bool) {
	for _, path := range j.paths(0, "") {
		if id, _ := runOf(path); !kept[id] {
			_ = statefile.Remove(path)
		}
	}
	for _, env := range artifact.Envs() { // folders of services without a run
		folders, _ := filepath.Glob(filepath.Join(j.dir, env.String(), "*"))
		for _, folder := range folders {
			_ = os.Remove(folder) // a folder that is not empty stays
		}
	}
}
