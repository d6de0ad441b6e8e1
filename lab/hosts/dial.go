package hosts

import (
	"context"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// Dial connects as a program inside the host would: to what listens on its loopback, say, which nobody outside reaches.
// The address is a number, since there is nobody to ask for a name.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	pid := h.PID()
	if pid == 0 {
		return nil, fmt.Errorf("dial %s: %s is off", address, h.Name)
	}
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		// A socket belongs to the network that its thread is in when it is made, and stays there. The thread is not given
		// back: it ends with this goroutine.
		runtime.LockOSThread()
		err := enterNetwork(pid)
		if err != nil {
			done <- dialled{err: err}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		done <- dialled{conn, err}
	}()
	d := <-done
	if d.err != nil {
		return nil, fmt.Errorf("on %s: %w", h.Name, d.err)
	}
	return d.conn, nil
}

func enterNetwork(pid int) error {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("find the network: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network: %w", err)
	}
	return nil
}
