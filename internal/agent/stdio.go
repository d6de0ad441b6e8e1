package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/systemd"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// Stdio joins standard streams to an agent's socket, behind the preface by which
// the far end knows that no shell is talking. It returns when the agent hangs up;
// the end of in is passed on as the end of our half. in may still be being read
// then: what reads it ends with the process.
//
// Nothing is written to out before the socket has accepted, so that the far end sees
// a failure and not a connection that breaks. ctx bounds the wait for the socket
// and nothing after it.
//
// systemd accepts connections for an agent that it starts. If it cannot start the agent, Stdio
// fails with HOST_UNREACHABLE, too: otherwise the far end would wait until it gives up.
func Stdio(ctx context.Context, path string, in io.Reader, out io.Writer) error {
	trouble := func(context.Context) string { return "" }
	if path == DefaultSocket {
		trouble = unitTrouble
	}
	return join(ctx, path, in, out, silence, trouble)
}

// silence is how long a starting agent may be silent before systemd is asked about it.
// It is longer than the pause before the agent is started again (RestartSec=), which the
// restart of an agent that starts well has, too.
const silence = 5 * time.Second

// copied is how many bytes Stdio moves at a time, at most.
const copied = 256 << 10

// join is Stdio. After quiet without a byte of the agent it asks for the trouble that
// keeps the agent from starting, and again each quiet while there is none.
func join(ctx context.Context, path string, in io.Reader, out io.Writer, quiet time.Duration, trouble func(context.Context) string) error {
	raw, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, os.ErrPermission):
		return fault.New(fault.RoleMissing, "%w", err)
	case err != nil:
		return fault.Transient(fault.HostUnreachable, "%w", err)
	}
	conn, _ := raw.(*net.UnixConn)
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(out, tunnel.Preface); err != nil {
		return fmt.Errorf("write preface: %w", err)
	}
	go func() {
		_, _ = io.Copy(conn, in)
		_ = conn.CloseWrite()
	}()
	waiting, came := context.WithCancel(context.WithoutCancel(ctx))
	defer came()
	given := make(chan string, 1)
	go func() {
		defer close(given)
		if why := silent(waiting, quiet, trouble); why != "" {
			given <- why
			_ = conn.Close()
		}
	}()
	buffer := make([]byte, copied)
	n, err := conn.Read(buffer)
	came()
	if why := <-given; why != "" {
		return fault.Transient(fault.HostUnreachable, "%s", why)
	}
	if n > 0 {
		if _, err := out.Write(buffer[:n]); err != nil {
			return err
		}
	}
	if err == nil {
		// Without its methods io.Copy does not have the kernel move the bytes: into a full pipe that
		// blocks, the standard library tries that again and again, with all of a processor.
		_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{conn}, buffer)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

// silent returns the trouble that there is while an agent is silent, "" once ctx ends.
func silent(ctx context.Context, quiet time.Duration, trouble func(context.Context) string) string {
	look := time.NewTicker(quiet)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-look.C:
			if why := trouble(ctx); why != "" && ctx.Err() == nil {
				return why
			}
		}
	}
}

// unitTrouble returns why systemd cannot start the agent, "" if it can, or is not asked.
func unitTrouble(ctx context.Context) string {
	const unit = "unidesk-agent.service"
	s, err := systemd.Manager{}.Unit(ctx, unit)
	if err != nil || s.Active != "failed" && s.Sub != "auto-restart" {
		return ""
	}
	return unit + " does not start: it is " + s.Active + " (" + s.Sub + ")"
}
