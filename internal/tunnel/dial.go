package tunnel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// extraWait is what the preface may take on top of ssh's own time-out, which ends
// with the handshake: authentication, a slow PAM session, a cold agent.
const extraWait = 30 * time.Second

// Dial opens a connection. The context bounds the dialing only; the connection
// lives until it is closed.
//
// HOST_UNREACHABLE (with a retry) when the far end or its agent does not answer,
// HOST_KEY_MISMATCH when its key is not the known key, NOT_AN_AGENT when something else
// answers, ROLE_MISSING when the account may not open the agent's socket there.
func Dial(ctx context.Context, c Config) (*Conn, error) { return dial(ctx, c, sharing{}) }

func dial(ctx context.Context, c Config, share sharing) (_ *Conn, failed error) {
	if err := c.Validate(); err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%w", err)
	}
	if c.Socket != "" {
		return dialSocket(ctx, c)
	}
	argv, wait := c.Command, defaultConnectTimeout+extraWait
	traced := argv[:min(1, len(argv))] // the user's further words may hold a secret
	if c.SSH != nil {
		argv, wait = c.SSH.argv(sshVersion(ctx), share), c.SSH.connectTimeout()+extraWait
		traced = argv
	}
	connected := trace.Program(ctx, traced...)
	defer func() { connected(failed) }()
	child, err := start(argv)
	if err != nil {
		return nil, fault.New(fault.HostUnreachable, "start %s: %w", argv[0], err)
	}
	conn := &Conn{name: c.Name(), stream: pipes{child, c.ended}}
	if err := conn.handshake(ctx, c, wait); err != nil {
		_ = conn.Close()
		if share.path != "" && !share.rides && bytes.Contains(child.stderr.raw(), []byte(share.path)) {
			return nil, errors.Join(errNoSocket, err)
		}
		return nil, err
	}
	return conn, nil
}

// errNoSocket is in the chain if a line of ssh names its control socket: an ssh
// that may not make it ends after the log-in.
var errNoSocket = errors.New("ssh could not use its control socket")

func dialSocket(ctx context.Context, c Config) (*Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, fault.New(fault.RoleMissing, "%w", err).WithHint("this account is not in the group that may open the agent's socket")
	case err != nil:
		return nil, fault.Transient(fault.HostUnreachable, "%w", err).WithHint("as root: systemctl start unidesk-agent.socket; systemctl status unidesk-agent.socket unidesk-agent.service")
	}
	return &Conn{name: c.Name(), stream: socket{raw}}, nil
}

// handshake reads the preface, exactly, so that whatever follows is the agent's.
func (c *Conn) handshake(ctx context.Context, cfg Config, wait time.Duration) error {
	_ = c.SetReadDeadline(time.Now().Add(wait))
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	got, err := readPreface(c)
	if !stop() { // ctx ended; its deadline may or may not have hit the read
		return fault.New(fault.HostUnreachable, "%s: %w", cfg.Name(), context.Cause(ctx))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Transient(fault.HostUnreachable, "%s sent no agent's greeting within %v", cfg.Name(), wait)
	case errors.Is(err, errNotPreface):
		return cfg.notAnAgent(c, got)
	case err != nil:
		if own := (*ended)(nil); cfg.SSH != nil && errors.As(err, &own) {
			return cfg.notGreeted(own.exit.Code, own.exit.Said)
		}
		return err
	}
	return c.SetReadDeadline(time.Time{})
}

var errNotPreface = errors.New("not an agent's greeting")

// readPreface reads to the end of the preface or to the first byte that is not
// its, and not a byte further: what follows belongs to HTTP/2.
func readPreface(r io.Reader) ([]byte, error) {
	got := make([]byte, 0, len(Preface))
	for len(got) < len(Preface) {
		n, err := r.Read(got[len(got):cap(got)])
		got = got[:len(got)+n]
		if string(got) != Preface[:len(got)] {
			return got, errNotPreface
		}
		if err != nil && len(got) < len(Preface) {
			return got, err
		}
	}
	return got, nil
}
