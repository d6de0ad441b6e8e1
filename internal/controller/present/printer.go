// Package present shows answers: as text for a person, as JSON for a script, and as an
// exit code for both. How a text looks, and that none of it acts on a terminal, is
// package terminal's.
package present

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// printer writes an answer for people. It knows the parts that several answers have.
type printer struct{ *terminal.Printer }

func newPrinter(out io.Writer) *printer { return &printer{terminal.NewPrinter(out)} }
