package command

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// story is a command that comes to an answer or an error.
type story struct {
	answer present.Answer
	err    error
}

func (s story) Run(context.Context) (present.Answer, error) { return s.answer, s.err }

// gone is a reader that has read enough.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestAnExitCodeIsTheAnswers(t *testing.T) {
	t.Parallel()
	drifted := present.Deployed(contract.Result{Decision: contract.DecidedDegraded})
	pipe := fmt.Errorf("write to ssh: %w", syscall.EPIPE)
	for name, c := range map[string]struct {
		story story
		out   io.Writer
		want  int
	}{
		"an answer":                       {story{answer: drifted}, io.Discard, present.ExitDegraded},
		"an answer that is read by half":  {story{answer: drifted}, gone{}, present.ExitDegraded},
		"an error":                        {story{err: fault.New(fault.Internal, "no")}, io.Discard, present.ExitFailed},
		"an error beside an answer":       {story{answer: present.Nothing(), err: fault.New(fault.Unsupported, "no")}, io.Discard, present.ExitBlocked},
		"a pipe of the command's own":     {story{err: fault.New(fault.HostUnreachable, "%w", pipe)}, io.Discard, present.ExitFailed},
		"an error of usage":               {story{err: fault.New(fault.Usage, "no")}, io.Discard, present.ExitUsage},
		"a command that was told to stop": {story{err: context.Canceled}, io.Discard, present.ExitInterrupted},
		"nothing, because all was well":   {story{answer: present.Nothing()}, io.Discard, present.ExitOK},
	} {
		a := &App{Streams: Streams{Out: c.out, Err: io.Discard}, Format: "text"}
		if got := a.exitOf(&cobra.Command{}, a.Do(t.Context(), c.story)); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}
