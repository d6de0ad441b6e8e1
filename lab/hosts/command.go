package hosts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// searchPath has the folders of the programs that change a machine, which an ordinary PATH may leave out.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// lookPath searches the folders of searchPath, whatever the caller's PATH is.
func lookPath(program string) (string, error) {
	for _, dir := range filepath.SplitList(searchPath) {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, exec.ErrNotFound)
}

// command is a program of this machine in a process group of its own, so that its children die with
// it when ctx ends: killing nsenter alone, for example, would leave what it started inside a host
// running.
func command(ctx context.Context, program string, args ...string) *exec.Cmd {
	path, err := lookPath(program)
	if err != nil {
		path = program
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "PATH="+searchPath, "LC_ALL=C.UTF-8")
	return cmd
}

// output runs cmd and returns what it printed; its error carries what it complained of.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, tail(stderr.String(), 600))
	}
	return stdout.String(), nil
}

// run is for a command whose only result is that it worked.
func run(ctx context.Context, program string, args ...string) error {
	_, err := output(command(ctx, program, args...))
	return err
}

// tail is the end of a program's complaint: the reason stands last.
func tail(text string, limit int) string {
	text = strings.TrimSpace(text)
	if len(text) > limit {
		return "…" + text[len(text)-limit:]
	}
	return text
}
