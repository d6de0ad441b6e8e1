package agent

import (
	"context"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/peer"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// withCaller makes a context as gRPC does for a call by c.
func withCaller(ctx context.Context, c caller) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: c})
}

// Join is Stdio with another silence and another trouble.
var Join = join

// SetGrace shortens the time that calls get when the agent stops.
func (a *Agent) SetGrace(d time.Duration) { a.grace = d }

// Tap has f hear of each event of a switch or a settlement before a caller does.
func (a *Agent) Tap(f func(workload.Event)) {
	for name, one := range a.placed.projects {
		one.target = tapped{one.target, f}
		a.placed.projects[name] = one
	}
}

type tapped struct {
	workload.Target
	f func(workload.Event)
}

func (t tapped) Switch(ctx context.Context, c workload.Change, emit func(workload.Event)) error {
	return t.Target.Switch(ctx, c, func(e workload.Event) { t.f(e); emit(e) })
}

func (t tapped) Settle(ctx context.Context, ref workload.Ref, s workload.Settlement, emit func(workload.Event)) error {
	return t.Target.Settle(ctx, ref, s, func(e workload.Event) { t.f(e); emit(e) })
}

// DialAs connects as another account.
func DialAs(t *testing.T, uid int, path string) (net.Conn, error) {
	t.Helper()
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled)
	go func() {
		// The thread has another account from now on, and ends with this goroutine.
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			done <- dialled{err: errno}
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		if err != nil {
			done <- dialled{err: err}
			return
		}
		file := os.NewFile(uintptr(fd), path)
		conn, err := net.FileConn(file)
		_ = file.Close()
		done <- dialled{conn, err}
	}()
	d := <-done
	if d.err == nil {
		t.Cleanup(func() { _ = d.conn.Close() })
	}
	return d.conn, d.err
}
