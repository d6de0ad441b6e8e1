package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/schema"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Runner is a command with its flags and words.
type Runner interface {
	// Run does what the command is for. An error is an answer, too: see [App.Execute].
	Run(ctx context.Context) (present.Answer, error)
}

// Runs is the RunE of a command that takes flags alone.
func (a *App) Runs(c Runner) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a.command = words(cmd)
		return a.Do(cmd.Context(), c)
	}
}

// words are those of a command, without the name of the program.
func words(cmd *cobra.Command) string {
	_, words, _ := strings.Cut(cmd.CommandPath(), " ")
	return words
}

// Do runs a command and prints its answer.
func (a *App) Do(ctx context.Context, c Runner) error {
	answer, err := c.Run(ctx)
	if err != nil {
		return err
	}
	err = answer.Print(a.Out, a.Format)
	if err != nil && !errors.Is(err, syscall.EPIPE) { // a reader may stop early, as head does
		return err
	}
	if answer.Exit != present.ExitOK {
		return ended(answer.Exit)
	}
	return nil
}

// ended is the exit code of an answer that is printed. It passes through cobra as an
// error, because cobra hands on nothing else.
type ended int

func (e ended) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitOf is the exit code of what a command returned. It prints an error that no answer was
// made of.
func (a *App) exitOf(cmd *cobra.Command, err error) int {
	var code ended
	switch {
	case err == nil:
		return present.ExitOK
	case errors.As(err, &code):
		return int(code)
	}
	var f *fault.Error
	known := errors.As(err, &f)
	switch {
	case errors.Is(err, context.Canceled) && a.acting.Load():
		err = fault.Transient(fault.Interrupted, "stopped: %w", err).WithHint("`unidesk-controller recover` ends what is left")
	case errors.Is(err, context.Canceled):
		err = fault.Transient(fault.Interrupted, "stopped before the answer; nothing was changed")
	case !known && errors.Is(err, syscall.EPIPE): // of the version, which cobra prints
		return present.ExitOK
	case !known:
		err = fault.New(fault.Usage, "%w", err) // cobra's own: a wrong word on the command line
	}
	r := contract.Refused(err)
	switch r.Failure.Reason {
	case fault.Interrupted:
		r.Decision = contract.DecidedInterrupted
	case fault.Unsupported:
		r.Decision = contract.DecidedUnsupported
	}
	answer, out := present.Refused(r, schema.Lists(words(cmd))), a.Err
	if a.Format == present.JSON {
		out = a.Out
	}
	if err := answer.Print(out, a.Format); err != nil && a.Format == present.JSON {
		return present.ExitFailed
	}
	return answer.Exit
}
