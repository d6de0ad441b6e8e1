package terminal

import (
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Fitted is the writer with every text made fit for a terminal: what a terminal would
// act on shows itself and does nothing. Before that, lines is given every text, but
// not that of an answer that is another program's.
func Fitted(w io.Writer, lines func(string) string) io.Writer {
	if f, ok := w.(*os.File); ok {
		return screen{f, lines} // still a file, so that colours are as the terminal has them
	}
	return stream{w, lines, &sync.Mutex{}}
}

// As is Fitted with the function that another writer was made with.
func As(w, other io.Writer) io.Writer { return Fitted(w, worded(other)) }

// AsWritten returns the writer that Fitted made, without its function.
func AsWritten(w io.Writer) io.Writer {
	switch w := w.(type) {
	case screen:
		return screen{w.file, strings.Clone}
	case stream:
		return stream{w.Writer, strings.Clone, w.mu}
	}
	return w
}

// screen is a file that fits what it is given.
type screen struct {
	file  *os.File
	lines func(string) string
}

func (s screen) Write(b []byte) (int, error) { return writeFit(s.file, b, s.lines) }

func (s screen) Read(b []byte) (int, error) { return s.file.Read(b) }

func (s screen) Close() error { return s.file.Close() }

func (s screen) Fd() uintptr { return s.file.Fd() }

// stream is any other writer that does. Like a file it takes writes from several goroutines.
type stream struct {
	io.Writer
	lines func(string) string
	mu    *sync.Mutex
}

// Write implements io.Writer.
func (s stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return writeFit(s.Writer, b, s.lines)
}

func writeFit(w io.Writer, b []byte, lines func(string) string) (int, error) {
	if _, err := io.WriteString(w, legible(lines(string(b)))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// unfitted is what is below, for a program that moves the cursor: a bar.
func unfitted(w io.Writer) io.Writer {
	switch w := w.(type) {
	case screen:
		return w.file
	case stream:
		return w.Writer
	}
	return w
}

// worded is the function that Fitted gives every text to.
func worded(w io.Writer) func(string) string {
	switch w := w.(type) {
	case screen:
		return w.lines
	case stream:
		return w.lines
	}
	return strings.Clone
}

// Clear empties the screen if the writer is a terminal, and reports whether it is.
func Clear(out io.Writer) (bool, error) {
	f, ok := unfitted(out).(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, nil
	}
	_, err := io.WriteString(f, "\x1b[H\x1b[2J\x1b[3J")
	return true, err
}

// ours are the only escapes that pass: the styles of printer.go have no others.
// Text that brings its own has that style, and no other effect.
var ours = regexp.MustCompile(`^\x1b\[(?:|1|2|36|1;3[123])m`)

// legible writes what a terminal would act on, or that turns or hides the text
// around it, as JSON writes it: in JSON it stays the same value. Lines and tabs stay.
func legible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		if s[0] == '\x1b' {
			if esc := ours.FindString(s); esc != "" {
				b.WriteString(esc)
				s = s[len(esc):]
				continue
			}
		}
		end := 1 + strings.IndexByte(s[1:], '\x1b')
		if end == 0 {
			end = len(s)
		}
		b.WriteString(plain.Escaped(s[:end]))
		s = s[end:]
	}
	return b.String()
}
