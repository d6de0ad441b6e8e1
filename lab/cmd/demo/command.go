package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// outcome is how a command of the product ended.
type outcome struct {
	exit   int
	killed bool
	out    string // its standard output, without colours
	err    string // its standard error, when it was listened to
}

// call is a command of the product.
type call struct {
	args []string
	// head shows that many lines of the result only, as head(1) does; 0 shows all.
	head int
	// killAt is the point at which it is killed as kill -9 does, "" for none.
	killAt string
	// listen shows and keeps what it writes to standard error, which the scene is about;
	// it is then no terminal for it.
	listen bool
}

// run types a command: it is shown, its progress goes where the demo's own
// standard error goes (on a terminal: live), and its result is shown and kept.
func (d *demo) run(ctx context.Context, args ...string) (outcome, error) {
	return d.do(ctx, call{args: args})
}

func (d *demo) do(ctx context.Context, c call) (outcome, error) {
	d.screen.command(c)
	program := d.world.Controller
	var result, heard bytes.Buffer
	cmd := exec.CommandContext(ctx, program.Program, append([]string{"--config", program.Config}, c.args...)...)
	cmd.Env = append(program.Env(), terminalEnv()...)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&firstLines{to: d.screen, left: c.head, all: c.head == 0}, &result), os.Stderr
	if c.killAt != "" {
		cmd.Stderr = &tripwire{to: os.Stderr, point: c.killAt, pull: sync.OnceFunc(func() {
			_ = cmd.Process.Kill() // by its own id; it may have ended
		})}
	}
	if c.listen {
		cmd.Stderr = io.MultiWriter(d.screen, &heard)
	}
	// Ctrl-C reaches it once, from here: twice would mean "leave it as it is".
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	o, err := finish(cmd)
	o.out, o.err = d.screen.shown(plain(result.String())), d.screen.shown(plain(heard.String()))
	return o, err
}

// finish runs a command to its end.
func finish(cmd *exec.Cmd) (outcome, error) {
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return outcome{}, fmt.Errorf("run the controller: %w", err)
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	o := outcome{
		exit:   cmd.ProcessState.ExitCode(),
		killed: ok && status.Signaled() && status.Signal() == syscall.SIGKILL,
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return o, fmt.Errorf("run the controller: %w", err)
	}
	return o, nil
}

// terminalEnv is what a program needs to know about the terminal it writes to.
func terminalEnv() (env []string) {
	for _, name := range []string{"TERM", "COLORTERM", "NO_COLOR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if colours() {
		// The result goes through a pipe, to be checked, and then to the terminal.
		env = append(env, "CLICOLOR_FORCE=1")
		if columns, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
			env = append(env, fmt.Sprintf("COLUMNS=%d", columns))
		}
	}
	return env
}
