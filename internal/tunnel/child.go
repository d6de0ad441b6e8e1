package tunnel

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a running process whose standard streams are pipes of ours.
type child struct {
	stdin  *os.File // we write
	stdout *os.File // we read
	stderr *tail
	pid    int
	// done is closed once the process was waited for; state and err hold then.
	done  chan struct{}
	state *os.ProcessState
	err   error
}

// pipeSize is asked of the kernel for both pipes (pipe(7): 64 KiB by default, at
// most fs.pipe-max-size, 1 MiB, for the unprivileged): fewer and longer turns
// between ssh and us.
const pipeSize = 1 << 20

// start runs argv. The process is not bound to a context: it lives until its
// connection is closed or this process ends.
func start(argv []string) (*child, error) {
	theirIn, ourIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourOut, theirOut, err := os.Pipe()
	if err != nil {
		_, _ = theirIn.Close(), ourIn.Close()
		return nil, err
	}
	for _, f := range []*os.File{ourIn, ourOut} {
		if raw, err := f.SyscallConn(); err == nil {
			// A refusal costs speed, nothing else.
			_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
		}
	}
	c := &child{stdin: ourIn, stdout: ourOut, stderr: &tail{}, done: make(chan struct{})}
	// Without a context: it ends with its connection, see end.
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // see above
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, c.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		// A session of its own: a Ctrl-C or hang-up on our terminal is for us, and
		// nothing in there can ask the terminal for a password.
		Setsid: true,
	}
	// Wait also waits for any process that inherited stderr; a daemon started by the
	// user's command must not hold us up.
	cmd.WaitDelay = time.Second
	started := make(chan error, 1)
	go func() {
		// prctl(2): the parent in PR_SET_PDEATHSIG is the thread, not the process. Go
		// ends a thread whose goroutine returns locked, and may some day end idle
		// threads (golang/go#27505); so this thread is kept for as long as the child
		// lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		c.state = cmd.ProcessState
		close(c.done)
	}()
	err = <-started
	_, _ = theirIn.Close(), theirOut.Close()
	if err != nil {
		_, _ = ourIn.Close(), ourOut.Close()
		return nil, err
	}
	c.pid = cmd.Process.Pid
	return c, nil
}

// exited waits for the process for a while and reports whether it has ended.
func (c *child) exited(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}

// end closes our ends of the pipes, which an orderly child takes as its end,
// gives it a while, and then kills it with all that it started.
func (c *child) end(grace time.Duration) {
	_, _ = c.stdin.Close(), c.stdout.Close()
	if !c.exited(grace) {
		// Not yet waited for, so the number is still the child's, and by Setsid its
		// group's.
		_ = syscall.Kill(-c.pid, syscall.SIGKILL)
		c.exited(grace)
	}
}
