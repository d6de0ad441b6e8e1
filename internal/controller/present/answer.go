package present

import (
	"context"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// Program is the name of the program that answers.
const Program = "unidesk-controller"

// The exit codes of every command.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitBlocked     = 3
	ExitDegraded    = 4
	ExitInterrupted = 130
)

// Answer is what a command came to: as JSON for a script, as text for a person, and
// as an exit code for both.
type Answer struct {
	Exit int
	// value is nil for an answer that is the same text in either form.
	value any
	text  func(view) error
	// foreign is set if the words are a file's or another program's, and stay.
	foreign bool
}

// Foreign returns the answer marked as the words of a file or of another program.
func Foreign(a Answer) Answer {
	a.foreign = true
	return a
}

// NewAnswer returns the answer of a value, with the text that prints it.
func NewAnswer[T any](exit int, value T, text func(io.Writer, T) error) Answer {
	return viewed(exit, value, func(v view, value T) error { return text(v.out, value) })
}

// viewed is NewAnswer for a text that differs in width.
func viewed[T any](exit int, value T, text func(view, T) error) Answer {
	return Answer{Exit: exit, value: value, text: func(v view) error { return text(v, value) }}
}

// NewList returns the answer of a list, with the text that prints it. missing means that
// something is not in the list because a question had no answer.
func NewList[T any](items []T, missing bool, text func(io.Writer, []T) error) Answer {
	return viewedList(items, missing, func(v view, items []T) error { return text(v.out, items) })
}

func viewedList[T any](items []T, missing bool, text func(view, []T) error) Answer {
	return viewed(Incomplete(missing), document.List[T]{OK: !missing, Items: items}, func(v view, l document.List[T]) error { return text(v, l.Items) })
}

// Print writes the answer: as JSON if the form is [JSON], else as text.
func (a Answer) Print(out io.Writer, form string) error {
	if a.foreign {
		out = terminal.AsWritten(out)
	}
	if form != JSON || a.value == nil {
		return a.text(view{out: out, now: time.Now(), wide: form == Wide})
	}
	return document.Write(out, a.value)
}

// UnlessStopped returns the answer; if it is not OK and the context has ended, it is
// that of a command that was interrupted.
func (a Answer) UnlessStopped(ctx context.Context) Answer {
	if a.Exit != ExitOK && ctx.Err() != nil {
		a.Exit = ExitInterrupted
	}
	return a
}

// Incomplete is the exit code of an answer in which something may be missing.
func Incomplete(missing bool) int {
	if missing {
		return ExitFailed
	}
	return ExitOK
}
