package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A lab that is killed (a test that timed out, an impatient person) cannot clean
// up, and engines that simply die with it leave containers, bridges and mounts.
// So a guard waits beside each lab: a process that holds the other end of a pipe
// and takes the lab away in the right order when the pipe breaks.

// orders are what a guard needs to know, its first line of input.
type orders struct {
	// Dir is the lab's folder, and Remove is true if it goes too.
	Dir    string
	Remove bool
	// Master is set when the lab shares an engine.
	Master *Master
}

// guarded is what a lab writes before it ends well.
const guarded = "done\n"

type guard struct {
	proc *Proc
	pipe *os.File
}

// startGuard starts the guard program and gives it its orders.
func startGuard(program string, o orders) (_ *guard, err error) {
	line, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	in, pipe, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	defer in.Close()
	g := &guard{pipe: pipe}
	if g.proc, err = startProc(daemon{
		name: "guard", argv: []string{program}, log: filepath.Join(o.Dir, "guard.log"), env: cleanEnv(), guarded: true, stdin: in,
	}); err != nil {
		return nil, errors.Join(err, pipe.Close())
	}
	if _, err := pipe.Write(append(line, '\n')); err != nil {
		return nil, errors.Join(fmt.Errorf("start the guard: %w", err), g.release())
	}
	return g, nil
}

// release signals the guard that nothing is left to do, and waits for its end.
func (g *guard) release() error {
	if g == nil {
		return nil
	}
	_, err := g.pipe.WriteString(guarded)
	err = errors.Join(err, g.pipe.Close())
	select {
	case <-g.proc.Done():
		return err
	case <-time.After(5 * time.Second):
		return errors.Join(err, g.proc.Stop(time.Second))
	}
}

// Guard is the guard program: it reads its orders and waits.
func Guard(input io.Reader) error {
	r := bufio.NewReader(input)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	var o orders
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	if end, _ := io.ReadAll(r); string(end) == guarded {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return o.execute(ctx)
}

// execute takes away what a dead lab has left.
func (o orders) execute(ctx context.Context) error {
	var errs []error
	if o.Master != nil {
		o.Master.Engine.dir = filepath.Join(o.Dir, "engine")
		errs = append(errs, o.Master.Reset(ctx))
	}
	for _, name := range []string{"engine", "builder"} {
		e := newEngine(filepath.Join(o.Dir, name))
		if ping(ctx, e.in("docker.sock")) == nil {
			errs = append(errs, e.empty(ctx))
		}
		errs = append(errs, stopByFile(e.in("docker.pid"), e.dir), stopByFile(e.in("containerd.pid"), e.dir), unmountUnder(e.dir))
	}
	if o.Remove {
		errs = append(errs, os.RemoveAll(o.Dir))
	}
	return errors.Join(errs...)
}

// stopByFile ends the process whose id is in the file, if it is still the process that
// was started: its command line names the lab's folder.
func stopByFile(file, dir string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil //nolint:nilerr // it was never started, or has ended and taken its file away
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return fmt.Errorf("%s holds no process id", file)
	}
	ours := func() bool {
		line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		return err == nil && strings.Contains(string(line), dir)
	}
	for i := range 200 {
		if !ours() {
			return nil
		}
		switch i {
		case 0:
			_ = syscall.Kill(pid, syscall.SIGTERM)
		case 150:
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("process %d of %s does not end", pid, file)
}

// unmountUnder detaches everything that is mounted below dir, deepest first.
func unmountUnder(dir string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("look for mounts left under %s: %w", dir, err)
	}
	var errs []error
	lines := strings.Split(string(table), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		if len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			if err := syscall.Unmount(fields[4], syscall.MNT_DETACH); err != nil {
				errs = append(errs, fmt.Errorf("unmount %s: %w", fields[4], err))
			}
		}
	}
	return errors.Join(errs...)
}
