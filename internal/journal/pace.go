package journal

import (
	"sync"
	"time"
)

// bytesEvery is the least time between two lines about bytes.
const bytesEvery = time.Second / 2

// Pace thins a stream of lines: of lines about bytes two a second pass, and the last; a text
// that a wait repeats passes once. The zero value is ready; goroutines may share it.
type Pace struct {
	mu   sync.Mutex
	last map[string]Line
}

// Passes reports whether the line is to be written.
func (p *Pace) Passes(l Line) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, known := p.last[l.Key()]
	if bytes := l.Total > 0; known && l.End == nil && l.Point == last.Point {
		if bytes && l.Done < l.Total && l.Time.Sub(last.Time) < bytesEvery || !bytes && l.Text == last.Text {
			return false
		}
	}
	if p.last == nil {
		p.last = map[string]Line{}
	}
	if p.last[l.Key()] = l; l.End != nil {
		delete(p.last, l.Key())
	}
	return true
}
