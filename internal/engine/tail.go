package engine

import "strings"

// tail keeps the last max bytes that are written to it: a container may log faster and
// longer lines than memory should hold.
type tail struct {
	max int
	b   []byte
	// cut is true if b begins inside a line.
	cut bool
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	// Twice the size before anything is moved, so that bytes are moved once on average.
	if len(t.b) > 2*t.max {
		t.trim()
	}
	return len(p), nil
}

func (t *tail) trim() {
	if over := len(t.b) - t.max; over > 0 {
		t.cut = t.b[over-1] != '\n'
		t.b = append(t.b[:0], t.b[over:]...)
	}
}

// lines are the whole lines among them.
func (t *tail) lines() []string {
	t.trim()
	text := string(t.b)
	if t.cut {
		_, text, _ = strings.Cut(text, "\n") // the rest of a line that began before
	}
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
}
