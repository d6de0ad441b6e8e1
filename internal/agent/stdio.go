package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// Stdio joins standard streams to an agent's socket, behind the preface by which
// the far end knows that no shell is talking. It returns when the agent hangs up;
// the end of in is passed on as the end of our half. in may still be being read
// then: what reads it ends with the process.
//
// Before the socket has answered nothing is written to out, so that a failure is
// a failure there and not a connection that breaks. ctx bounds the wait for its
// answer and nothing after it.
func Stdio(ctx context.Context, path string, in io.Reader, out io.Writer) error {
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
	_, err = io.Copy(out, conn)
	return err
}
