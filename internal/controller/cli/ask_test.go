package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

// A whole environment is deployed from a terminal after a yes, and everything else is as it
// is for a script.
func TestApplyAsksAtATerminalBeforeItDeploysAnEnvironment(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("a", 40)
	const table, question = "SERVICE   ENV   RUNS -> WANTED\nfrontend  prod  not known -> aaaaaaaaaaaa\n", "Deploy 1 service to prod? [y/N] "
	for name, c := range map[string]struct {
		words    string
		typed    io.Reader
		terminal bool
		asked    bool
		goes     bool // past the question, to an engine that does not answer
	}{
		"no":                     {typed: strings.NewReader("no\n"), terminal: true, asked: true},
		"a line break":           {typed: strings.NewReader("\n"), terminal: true, asked: true},
		"the end of the input":   {typed: strings.NewReader(""), terminal: true, asked: true},
		"y":                      {typed: strings.NewReader("y\n"), terminal: true, asked: true, goes: true},
		"yes, without an end":    {typed: strings.NewReader(" Yes"), terminal: true, asked: true, goes: true},
		"with --force":           {words: "--force", typed: strings.NewReader("n\n"), terminal: true, asked: true},
		"quiet":                  {words: "--quiet", typed: strings.NewReader("n\n"), terminal: true, asked: true},
		"stdin is a pipe":        {terminal: true, goes: true},
		"stderr is a pipe":       {typed: strings.NewReader("n\n"), goes: true},
		"--yes":                  {words: "--yes", typed: strings.NewReader("n\n"), terminal: true, goes: true},
		"as JSON":                {words: "-o json", typed: strings.NewReader("n\n"), terminal: true, goes: true},
		"progress as JSON":       {words: "--progress json", typed: strings.NewReader("n\n"), terminal: true, goes: true},
		"a service":              {words: "--service frontend", typed: strings.NewReader("n\n"), terminal: true, goes: true},
		"a dry run":              {words: "--dry-run", typed: strings.NewReader("n\n"), terminal: true},
		"without an environment": {words: "--env dev", typed: strings.NewReader("n\n"), terminal: true},
	} {
		dir := t.TempDir()
		aMaster(t, dir, "hosts: {D601: {socket: /nonexistent/agent.sock}}")
		// A gate stops code-queue: the question leaves it out.
		wanted := `{"environments": {"prod": {"services": {"frontend": {"commit": "` + commit + `"}, "code-queue": {"commit": "` + commit + `"}}}}}`
		if err := os.WriteFile(filepath.Join(dir, "deploy.json"), []byte(wanted), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, said bytes.Buffer
		words := append([]string{"--config", dir, "deploy", "apply", "--env", "prod"}, strings.Fields(c.words)...)
		code := Run(t.Context(), words, Streams{Out: &out, Err: &said, In: c.typed, Terminal: c.terminal}, "test", nil)
		if strings.Contains(said.String(), table+question) != c.asked || strings.Contains(said.String(), "[y/N]") != c.asked {
			t.Errorf("%s: stderr is %s", name, said.String())
		}
		if got := strings.Contains(out.String(), "ENGINE_UNAVAILABLE"); got != c.goes {
			t.Errorf("%s: stdout is %s, stderr is %s", name, out.String(), said.String())
		}
		declined := c.asked && !c.goes
		if strings.Contains(said.String(), "error: nothing was changed: the answer was not yes (DECLINED)\n") != declined || declined && (code != present.ExitFailed || out.Len() > 0) {
			t.Errorf("%s: exit code %d, stdout is %s, stderr is %s", name, code, out.String(), said.String())
		}
		if _, err := os.Stat(filepath.Join(dir, "state", "runs")); declined && err == nil {
			t.Errorf("%s: an attempt is kept", name)
		}
	}
}

// A person who presses Ctrl-C at the question is not waited for.
func TestAQuestionEndsWithTheCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	aMaster(t, dir, "hosts: {D601: {socket: /nonexistent/agent.sock}}")
	wanted := `{"environments": {"prod": {"services": {"frontend": {"commit": "` + strings.Repeat("a", 40) + `"}}}}}`
	if err := os.WriteFile(filepath.Join(dir, "deploy.json"), []byte(wanted), 0o600); err != nil {
		t.Fatal(err)
	}
	typed, end := io.Pipe()
	defer time.AfterFunc(time.Minute, func() { _ = end.Close() }).Stop()
	stop := make(chan os.Signal, 1)
	var said bytes.Buffer
	interrupt := first(func() { stop <- os.Interrupt })
	asked := writer(func() {
		if strings.Contains(said.String(), "[y/N]") {
			interrupt()
		}
	})
	code := Run(t.Context(), []string{"--config", dir, "deploy", "apply", "--env", "prod"},
		Streams{Out: io.Discard, Err: io.MultiWriter(&said, asked), In: typed, Terminal: true, Stop: stop}, "test", nil)
	if code != present.ExitInterrupted || !strings.Contains(said.String(), "nothing was changed (INTERRUPTED)") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}
