package hosts

import (
	"context"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// Dial connects as a program inside the host would: to what listens on its loopback, for example,
// which nothing outside reaches. The address is a number, since no resolver is there.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	pid := h.PID()
	if pid == 0 {
		return nil, fmt.Errorf("dial %s: %s is off", address, h.Name)
	}
	return inNetwork(h, pid, func() (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, network, address) })
}

// Listen listens as a program inside the host would, so that only the host reaches its loopback. The address is a number.
func (h *Host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	pid := h.PID()
	if pid == 0 {
		return nil, fmt.Errorf("listen on %s: %s is off", address, h.Name)
	}
	return inNetwork(h, pid, func() (net.Listener, error) { return (&net.ListenConfig{}).Listen(ctx, network, address) })
}

// inNetwork makes a socket in the host's network.
func inNetwork[S any](h *Host, pid int, open func() (S, error)) (socket S, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// A socket belongs to the network that its thread is in when it is made, and stays there. The thread is not given
		// back: it ends with this goroutine.
		runtime.LockOSThread()
		if err = enterNetwork(pid); err == nil {
			socket, err = open()
		}
	}()
	<-done
	if err != nil {
		err = fmt.Errorf("on %s: %w", h.Name, err)
	}
	return socket, err
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
