package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Proc is a daemon that the lab has started. It does not survive the lab, also
// when that is killed, and it is stopped by its own id, never by a name.
type Proc struct {
	Name string
	// Log is the file that its output goes to.
	Log string

	process *os.Process
	done    chan struct{}
	state   error // how it ended; read after done
}

// daemon is what to start.
type daemon struct {
	name string
	argv []string
	// log is the file for its output, env all of its environment.
	log string
	env []string
	// guarded ones do not die with the lab at once: the guard ends them in order.
	guarded bool
	stdin   *os.File
}

// startProc starts a daemon. It returns once the process exists; readiness is the
// caller's to ask.
func startProc(d daemon) (*Proc, error) {
	path, err := findProgram(d.argv[0])
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", d.name, err)
	}
	out, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", d.name, err)
	}
	p := &Proc{Name: d.name, Log: d.log, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// Pdeathsig follows the thread that forked, not the process: this thread stays
		// until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer out.Close()
		cmd := exec.Command(path, d.argv[1:]...) // a daemon outlives the context it was started under; Stop ends it
		cmd.Env, cmd.Stdout, cmd.Stderr = d.env, out, out
		if d.stdin != nil {
			cmd.Stdin = d.stdin
		}
		// A group of its own: an interrupt from the terminal is for the lab alone.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if !d.guarded {
			cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
		}
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.process = cmd.Process
		started <- nil
		p.state = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", d.name, err)
	}
	return p, nil
}

// Launch starts a daemon that a part of the lab in another package needs, with the environment that all daemons get and
// its output in the file log. It returns once the process exists, and does not outlive the caller.
func Launch(name, log string, argv ...string) (*Proc, error) {
	return startProc(daemon{name: name, argv: argv, log: log, env: cleanEnv()})
}

// PID is the process id.
func (p *Proc) PID() int { return p.process.Pid }

// Done is closed when the process has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Kill ends the process as a power cut would, and waits for it.
func (p *Proc) Kill() {
	_ = p.process.Kill()
	<-p.done
}

// Stop asks the process to end, kills it when it does not within the time, and returns
// when it is gone. Stopping an ended process is no error.
func (p *Proc) Stop(within time.Duration) error {
	if p == nil {
		return nil
	}
	if err := p.process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(within):
		p.Kill()
		return fmt.Errorf("%s did not end within %s and was killed", p.Name, within)
	}
}

// Ready asks again and again until the daemon answers, has ended, or the time is up.
func (p *Proc) Ready(ctx context.Context, within time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%w); its last lines:\n%s", p.Name, p.state, p.Tail(15))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; its last lines:\n%s", p.Name, err, p.Tail(15))
		case <-tick.C:
		}
	}
}

// Tail returns the last lines of the log.
func (p *Proc) Tail(lines int) string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// findProgram looks where servers live as well: an ordinary user's PATH leaves sbin out.
func findProgram(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(searchPath()) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

func searchPath() string { return os.Getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin" }

// cleanEnv is what daemons and tools of the lab get: nothing of the caller's
// settings (proxies, a Docker context, Compose variables) but what finds programs.
func cleanEnv(more ...string) []string {
	env := []string{"PATH=" + searchPath(), "HOME=" + os.Getenv("HOME"), "LC_ALL=C.UTF-8"}
	if dir := os.Getenv("TMPDIR"); dir != "" {
		env = append(env, "TMPDIR="+dir)
	}
	return append(env, more...)
}

// run executes a command and returns its standard output; an error carries its standard
// error.
func run(ctx context.Context, dir string, env []string, argv ...string) (string, error) {
	path, err := findProgram(argv[0])
	if err != nil {
		return "", err
	}
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, path, argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// FreePort finds a loopback port for a server that needs its port as an argument. It looks
// below the range that the kernel takes ports from by itself (ip(7), ip_local_port_range):
// there, no other connection or listener can come to have it between here and that
// server's start.
func FreePort() (int, error) {
	const low, high, tries = 20000, 32000, 50
	var err error
	for range tries {
		var l net.Listener
		port := low + rand.IntN(high-low)
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
