package line

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// deviceName is the line's interface in each namespace; a second line there is refused by the kernel.
const deviceName = "udline0"

// device is a TUN device in a namespace. It goes away with its file.
type device struct {
	*os.File
	end End
}

func newDevice(end End) (*device, error) {
	d := &device{end: end}
	err := Within(end.Namespace, func() (err error) {
		d.File, err = openTUN()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make a device in %s: %w", end.Namespace, err)
	}
	return d, nil
}

// Close is for a device that may not have been made.
func (d *device) Close() error {
	if d == nil {
		return nil
	}
	return d.File.Close()
}

func openTUN() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(deviceName)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make interface %s: %w", deviceName, err)
	}
	return os.NewFile(uintptr(fd), deviceName), nil
}

// join takes the device up and sends what is for the peer through it.
func (d *device) join(ctx context.Context, mtu int, peer netip.Addr) error {
	if out, err := d.ip(ctx, "-brief", "address", "show", "to", d.end.Addr.String()); err != nil {
		return err
	} else if len(bytes.TrimSpace(out)) == 0 {
		if _, err := d.ip(ctx, "address", "add", d.end.Addr.String()+"/32", "dev", deviceName); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		// The kernel's own queue before the device holds a burst: the line's queue decides what is dropped.
		{"link", "set", deviceName, "mtu", strconv.Itoa(mtu), "txqueuelen", "10000", "up"},
		{"route", "replace", peer.String() + "/32", "dev", deviceName, "src", d.end.Addr.String()},
	} {
		if _, err := d.ip(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) ip(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + d.end.Namespace, "--", "ip"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ip %v in %s: %w: %s", args, d.end.Namespace, err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

// Within runs a function in a network namespace: sockets that it makes stay there.
func Within(namespace string, do func() error) error {
	done := make(chan error, 1)
	go func() {
		// The thread is not given back: it ends with this goroutine.
		runtime.LockOSThread()
		fd, err := unix.Open(namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("find the network: %w", err)
			return
		}
		err = unix.Setns(fd, unix.CLONE_NEWNET)
		_ = unix.Close(fd)
		if err != nil {
			done <- fmt.Errorf("enter the network: %w", err)
			return
		}
		done <- do()
	}()
	return <-done
}
