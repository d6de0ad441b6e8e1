package tunnel

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// here is a host whose commands run on this machine.
var here = Config{Socket: "/run/unidesk-agent/agent.sock"}

func TestACommandGetsItsInputAndItsOutputComesBack(t *testing.T) {
	t.Parallel()
	message := strings.Repeat("x\x00\n", 200_000)
	out, err := Run(t.Context(), here, []string{"sh", "-c", "wc -c; echo \"$1\"", "sh", "it's $HOME\nthere"}, strings.NewReader(message))
	if want := "600000\nit's $HOME\nthere\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestACommandsOwnCodeIsTold(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), here, []string{"sh", "-c", "echo 'no \x1b[31mroom' >&2; exit 74"}, strings.NewReader(strings.Repeat("x", 1<<20)))
	exit := (*ExitError)(nil)
	if !errors.As(err, &exit) || exit.Code != 74 || exit.Said != "no ?[31mroom" {
		t.Errorf("got %v", err)
	}
}

func TestACommandEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, here, []string{"sleep", "infinity"}, strings.NewReader(""))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestACommandTransportRunsNothingElse(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Config{Command: []string{"bun", "cli.ts"}}, []string{"true"}, strings.NewReader(""))
	if fault.ReasonOf(err) != fault.Unsupported || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatIsNotThereIsToldAsByDial(t *testing.T) {
	t.Parallel()
	c := Config{SSH: &SSH{Destination: "ssh://127.0.0.1:1", ConfigFile: "/dev/null"}}
	_, err := Run(t.Context(), c, []string{"true"}, strings.NewReader(""))
	if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("got %v", err)
	}
}
