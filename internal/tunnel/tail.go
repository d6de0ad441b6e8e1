package tunnel

import (
	"strings"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// tailSize is how much of a child's standard error is kept.
const tailSize = 4 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > tailSize {
		p = p[n-tailSize:]
	}
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return n, nil
}

// raw returns the end as it was written.
func (t *tail) raw() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]byte(nil), t.buf...)
}

// String returns the end, fit to be shown.
func (t *tail) String() string {
	return printable(t.raw())
}

// printable makes a line for a terminal out of bytes that another program chose. It
// joins their lines.
func printable(b []byte) string {
	var lines []string
	for line := range strings.Lines(string(b)) {
		line = plain.Line(strings.TrimSpace(line))
		if strings.HasPrefix(line, "@") { // ssh's frame around a warning
			line = strings.Trim(line, "@ ")
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " | ")
}
