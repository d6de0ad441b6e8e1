package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
)

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

// plain takes the colours out.
func plain(s string) string { return escape.ReplaceAllString(s, "") }

// tripwire passes on what is written to it and pulls when a progress line of a
// point comes by.
type tripwire struct {
	to    io.Writer
	point string
	pull  func()
	line  string
}

func (w *tripwire) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.line += string(b)
	for {
		line, rest, whole := strings.Cut(w.line, "\n")
		if !whole {
			return n, err
		}
		w.line = rest
		// "   3.1s  switch          the new container exists"
		if words := strings.Fields(plain(line)); len(words) > 1 && words[1] == w.point {
			w.pull()
		}
	}
}

// firstLines passes some lines on and swallows the others.
type firstLines struct {
	to   io.Writer
	left int
	all  bool
}

func (w *firstLines) Write(b []byte) (int, error) {
	if w.all {
		return w.to.Write(b)
	}
	for line := range bytes.Lines(b) {
		if w.left == 0 {
			break
		}
		if _, err := w.to.Write(line); err != nil {
			return 0, err
		}
		if bytes.HasSuffix(line, []byte("\n")) {
			w.left--
		}
	}
	return len(b), nil
}
