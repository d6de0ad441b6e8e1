package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// settings are what a call of git depends on beside the operator's own configuration.
type settings struct {
	// dir is the repository; "" for none.
	dir string
	// config is what is set for this call; without a remote in it none can be asked.
	config [][2]string
}

// git runs git and returns what it printed. It never prompts: it has no terminal, and
// no program that would ask. The end of ctx ends it and all that it started. An error
// has the last of its words, and no credential of a URL.
func git(ctx context.Context, s settings, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = "/", s.environment(), 5*time.Second // not in whatever repository we stand
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // by which it takes its locks away
	ended := trace.Program(ctx, cmd.Args...)
	out, err := cmd.Output()
	ended(err)
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &exit):
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, lastWords(exit.Stderr))
	case err != nil:
		return "", err
	}
	return string(out), nil
}

// environment is our own, without what would lead git to another repository or to a
// prompt. Whether there is a remote is in the configuration alone, so that a question
// to the copy never reaches the remote.
func (s settings) environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") {
			env = append(env, kv)
		}
	}
	env = append(env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false", "SSH_ASKPASS_REQUIRE=never")
	if s.dir != "" {
		env = append(env, "GIT_DIR="+s.dir)
	}
	allowed := ""
	if len(s.config) > 0 {
		allowed = "https:ssh:file"
	}
	env = append(env, "GIT_ALLOW_PROTOCOL="+allowed)
	config := append([][2]string{{"core.hooksPath", os.DevNull}, {"gc.autoDetach", "false"}}, s.config...)
	for i, kv := range config {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+kv[0], "GIT_CONFIG_VALUE_"+n+"="+kv[1])
	}
	return append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(config)))
}

// lastWords returns the end of git's output, on a line: enough for the name of the file
// that it could not make, which comes before its advice on that.
func lastWords(stderr []byte) string {
	said := plain.Line(Shown(strings.Join(strings.Fields(string(stderr)), " ")))
	return said[max(0, len(said)-1000):]
}
