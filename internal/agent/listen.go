package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

const (
	socketMode = 0o660
	folderMode = 0o750
)

// Listen returns the socket that systemd hands over, if any, else a socket of its own.
// The socket does not end with ctx.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	given, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("socket activation: %w", err)
	}
	if len(given) == 0 {
		return listen(ctx, path)
	}
	unix, ok := given[0].(*net.UnixListener)
	if !ok || len(given) > 1 {
		for _, l := range given {
			if l != nil {
				_ = l.Close()
			}
		}
		return nil, fault.New(fault.ConfigInvalid, "socket activation: %d sockets; exactly one unix stream socket is served", len(given))
	}
	return unix, nil
}

// listen makes a socket that only its owner and its folder's group may open. The
// folder decides who gets that far (0750 when we make it); a socket's mode alone
// is not honoured everywhere (unix(7)).
func listen(ctx context.Context, path string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// Bound with its final mode: between bind and chmod any account could connect.
	old := syscall.Umask(0o777 &^ socketMode)
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			err = os.Lchown(path, -1, int(st.Gid))
		}
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			_ = l.Close()
			return nil, err
		}
	}
	return l, nil
}

// removeStale removes a socket that has no listener any more.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fault.New(fault.ConfigInvalid, "%s exists and is not a socket", path)
	}
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close()
		return fault.New(fault.Busy, "another agent listens on %s", path)
	}
	return os.Remove(path)
}

// Limits on connections. Each ssh session of a controller is a connection; dead
// sessions stay for a quarter of an hour.
const (
	maxConns       = 64
	maxConnsPerUID = 16
	// keptForRoot are of maxConns: an administrator is served when all others are not.
	keptForRoot = 8
	// maxConnsWithoutRole are enough for the answer that a role is missing.
	maxConnsWithoutRole = 2
)

// limitListener refuses connections over the limits by closing them, before they
// cost more than a descriptor.
func limitListener(l net.Listener, roles roles, refusals *refusals) net.Listener {
	return &countingListener{Listener: l, roles: roles, refusals: refusals, open: make(map[uint32]int)}
}

type countingListener struct {
	net.Listener
	roles    roles
	refusals *refusals

	mu    sync.Mutex
	open  map[uint32]int
	total int // but root's
}

// Accept returns the next connection within the limits.
func (l *countingListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := socketUID(conn)
		if err == nil {
			if err = l.enter(uid); err == nil {
				return &countedConn{Conn: conn, uid: uid, leave: sync.OnceFunc(func() { l.leave(uid) })}, nil
			}
		}
		l.refusals.note(context.Background(), uid, err)
		_ = conn.Close()
	}
}

func (l *countingListener) enter(uid uint32) error {
	most := maxConnsPerUID
	if l.roles[uid] == rpc.RoleNone {
		most = maxConnsWithoutRole
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[uid] >= most || uid != 0 && l.total >= maxConns-keptForRoot {
		return fault.New(fault.Busy, "uid %d has %d connections, accounts other than root %d; at most %d and %d are served",
			uid, l.open[uid], l.total, most, maxConns-keptForRoot)
	}
	if l.open[uid]++; uid != 0 {
		l.total++
	}
	return nil
}

func (l *countingListener) leave(uid uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if uid != 0 {
		l.total--
	}
	if l.open[uid]--; l.open[uid] == 0 {
		delete(l.open, uid)
	}
}

// countedConn is a connection that counts until it is closed.
type countedConn struct {
	net.Conn
	uid   uint32
	leave func()
}

// Close closes and stops counting.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
