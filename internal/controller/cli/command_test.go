package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// The command takes each line that its help text shows.
func TestEachCommandShowsALineToType(t *testing.T) {
	t.Parallel()
	lines := 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		if cmd.HasSubCommands() && cmd.Name() != "history" {
			return
		}
		if !strings.HasPrefix(cmd.Example, "  "+cmd.CommandPath()) {
			t.Errorf("%s shows %q", cmd.CommandPath(), cmd.Example)
		}
		for line := range strings.Lines(cmd.Example) {
			lines++
			words, _, _ := strings.Cut(strings.TrimSpace(line), " > ")
			fresh := (&app{}).root() // this root has read no line
			found, rest, err := fresh.Find(strings.Fields(words)[1:])
			if err != nil || found.CommandPath() != cmd.CommandPath() {
				t.Errorf("%q is no line of %s: %v", line, cmd.CommandPath(), err)
				continue
			}
			if err := errors.Join(found.ParseFlags(rest), found.ValidateArgs(found.Flags().Args()), refuse.MissingFlags(found)); err != nil {
				t.Errorf("%q is refused: %v", line, err)
			}
		}
	}
	look((&app{}).root())
	if lines < 25 {
		t.Errorf("only %d lines are shown", lines)
	}
}

// story is a command that comes to an answer or an error.
type story struct {
	answer present.Answer
	err    error
}

func (s story) run(context.Context) (present.Answer, error) { return s.answer, s.err }

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
		a := &app{Streams: Streams{Out: c.out, Err: io.Discard}, format: "text"}
		if got := a.exitOf(a.do(t.Context(), c.story)); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}
