package compose

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/plugin"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

const (
	// maxDefinition bounds what `config` may print, maxOutput what is read of the rest.
	maxDefinition = 16 << 20
	maxOutput     = 64 << 10
)

// command returns a Compose command, of docker or of the plugin, in a process group of its own. If this process dies,
// timeout(1) ends the group, kill later than this process would have.
func (r *Runtime) command(ctx context.Context, within, kill time.Duration, args []string) *exec.Cmd {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
	program := r.docker
	if direct := r.plugin(); direct != "" {
		program, args = direct, args[1:] // a plugin that is started by itself takes Compose's own arguments
	}
	args = append([]string{"-k", seconds(kill), seconds(within + kill), program}, args...)
	cmd := exec.CommandContext(ctx, "timeout", args...)
	cmd.Dir, cmd.SysProcAttr = r.config.Root, &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// read runs a Compose command that changes nothing and returns what it prints.
func (r *Runtime) read(ctx context.Context, env envfile.Content, args ...string) ([]byte, error) {
	out, _, err := r.capture(ctx, env, args...)
	return out, err
}

// capture is read, and also returns the progress that the command reports.
func (r *Runtime) capture(ctx context.Context, env envfile.Content, args ...string) (out, progress []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.limits.read)
	defer cancel()
	cmd := r.command(ctx, r.limits.read, r.limits.kill, args)
	cmd.Env = r.env
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &limited{w: &stderr, left: maxOutput}
	var stdout bytes.Buffer
	cmd.Stdout = &limited{w: &stdout, left: maxDefinition}
	ended := trace.Program(ctx, cmd.Args...)
	err = cmd.Run()
	ended(err)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, fault.Transient(fault.ComposeFailed, "docker compose did not answer: %w", context.Cause(ctx))
		}
		return nil, nil, declared.Failure(err, stderr.Bytes(), env.Values())
	}
	return stdout.Bytes(), stderr.Bytes(), nil
}

var errStopped = errors.New("docker compose was stopped since it did not end")

// runApart runs a Compose command that must come to its end even if this process
// dies: in a process group of its own, with the lock as an open file, and with its
// output in memory that outlives us, for a broken pipe would kill it. If it fails, the
// error shows its output without the values that secrets returns.
func (r *Runtime) runApart(ctx context.Context, lock *os.File, l limits, secrets func() []string, args ...string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	fd, err := unix.MemfdCreate("compose-output", unix.MFD_CLOEXEC)
	if err != nil {
		return fault.New(fault.Internal, "make room for Compose's output: %w", err)
	}
	output := os.NewFile(uintptr(fd), "compose-output")
	defer func() { _ = output.Close() }()
	env, done, err := plugin.WithoutProxies(r.env)
	if err != nil {
		return err
	}
	defer done()
	cmd := r.command(context.WithoutCancel(ctx), l.recreate, l.kill, args)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, output, output
	if lock != nil {
		cmd.ExtraFiles = []*os.File{lock}
	}
	traced := trace.Program(ctx, cmd.Args...)
	if err := cmd.Start(); err != nil {
		traced(err)
		return fault.New(fault.ComposeFailed, "start %s by timeout(1): %w", r.docker, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped, err := l.await(ctx, cmd.Process.Pid, output, ended)
	traced(err)
	if stopped {
		return fault.New(fault.ComposeFailed, "%w: %s", errStopped, declared.Excerpt(last(output), secrets()))
	}
	if err != nil {
		return declared.Failure(err, last(output), secrets())
	}
	return nil
}

// await returns how the command ended, stopping it when its time is over: timeout(1)
// passes a SIGTERM on to all of its group.
func (l limits) await(ctx context.Context, process int, output *os.File, ended <-chan error) (stopped bool, err error) {
	over := time.NewTimer(l.recreate)
	defer over.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	gone := ctx.Done()
	to, signal := process, syscall.SIGTERM
	for {
		select {
		case err = <-ended:
			return stopped, err
		case <-gone:
			gone = nil
			over.Reset(min(l.grace, l.recreate))
		case <-over.C:
			stopped = true
			_ = syscall.Kill(to, signal)
			to, signal = -process, syscall.SIGKILL
			over.Reset(l.kill)
		case <-look.C:
			// What a command gone wild prints must not fill the memory.
			if info, err := output.Stat(); err == nil && info.Sys().(*syscall.Stat_t).Blocks*512 > 4<<20 {
				_ = unix.Fallocate(int(output.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, info.Size()-maxOutput)
			}
		}
	}
}

// last returns the end of what was printed.
func last(f *os.File) []byte {
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	from := max(0, info.Size()-maxOutput)
	b, _ := io.ReadAll(io.NewSectionReader(f, from, maxOutput))
	return b
}

// limited fails a program that prints more than is of use.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("more output than expected")
	}
	return l.w.Write(p)
}
