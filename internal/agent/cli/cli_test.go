package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent/cli"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// run runs a command line and returns what it printed.
func run(t *testing.T, line ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), line, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

func TestAWrongCommandLineIsUsage(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"--surprise", "serve --surprise", "serve --log-level loud", "serve word", "stdio --socket", "stdio word", "version word", "version --short",
		"no-such", "help no-such", "help serve no-such", "completion tcsh", "completion bash zsh", "completion --surprise",
	} {
		out, errs, code := run(t, strings.Fields(line)...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "unidesk-agent: ") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 2 and a line of stderr", line, code, out, errs)
		}
	}
}

// The controller reads these codes of ssh.
func TestAFailureIsNotUsage(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	for line, want := range map[string]int{"serve --config " + none: 1, "stdio --socket " + none: tunnel.ExitNoAgent} {
		if out, errs, code := run(t, strings.Fields(line)...); code != want || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %d", line, code, out, errs, want)
		}
	}
}

func TestTheVersionIsTheSameHoweverItIsAsked(t *testing.T) {
	t.Parallel()
	want := build.Read().Line("unidesk-agent") + "\n"
	for _, word := range []string{"version", "--version"} {
		if out, errs, code := run(t, word); code != 0 || out != want || errs != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want %q", word, code, out, errs, want)
		}
	}
}

func TestHelpAndCompletionAreGiven(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"": "Exit codes:", "help": "Exit codes:", "help stdio": "--socket", "serve --help": "--config", "completion": "zsh", "completion bash": "unidesk-agent",
	} {
		if out, errs, code := run(t, strings.Fields(line)...); code != 0 || !strings.Contains(out, want) || errs != "" {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q, want %q", line, code, out, errs, want)
		}
	}
}
