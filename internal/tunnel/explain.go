package tunnel

import (
	"errors"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Exit codes of shells (POSIX, "Exit Status for Commands") and of ssh (ssh(1)).
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSSH           = 255
)

// ErrNoAgent is in the chain when the far side has no such program.
var ErrNoAgent = errors.New("no unidesk-agent")

// ended returns why a child's output has ended: by its exit code if that is known.
func (c Config) ended(p *child) error {
	said := ""
	if s := p.stderr.String(); s != "" {
		said = ": " + s
	}
	select {
	case <-p.done:
	default:
		return fault.Transient(fault.HostUnreachable, "%s closed the connection%s", c.Name(), said)
	}
	how := p.state.String() // "exit status 255", "signal: killed"
	switch p.state.ExitCode() {
	case exitNotFound, exitNotExecutable:
		return fault.New(fault.NotAnAgent, "%s has %w to run (%s%s)", c.Name(), ErrNoAgent, how, said).
			WithHint("install the agent on %s, or name its path as ssh.command", c.Name())
	case ExitNoAgent:
		return fault.Transient(fault.HostUnreachable, "the agent on %s does not answer%s", c.Name(), said).
			WithHint("on %s, as root: systemctl start unidesk-agent.socket; systemctl status unidesk-agent.socket unidesk-agent.service", c.Name())
	case ExitNoPermission:
		return fault.New(fault.RoleMissing, "the account on %s may not open the agent's socket%s", c.Name(), said).
			WithHint("on %s, as root: put the account in the socket's group (`usermod -aG unidesk-agent ACCOUNT`) and give it a role in agent.yaml", c.Name())
	case exitSSH:
		return c.sshFailed(p.stderr.raw(), said)
	case 0:
		return fault.Transient(fault.HostUnreachable, "%s closed the connection%s", c.Name(), said)
	default:
		f := fault.Transient(fault.HostUnreachable, "connection to %s ended (%s%s)", c.Name(), how, said)
		if code := p.state.ExitCode(); code > 0 {
			f.Err = &ended{f.Err, ExitError{Code: code, Said: p.stderr.String()}}
		}
		return f
	}
}

// ended is an end whose code has no meaning of its own.
type ended struct {
	error
	exit ExitError
}

// notAnAgent quotes what came instead of the preface.
func (c Config) notAnAgent(conn *Conn, got []byte) error {
	more := make([]byte, 200)
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	n, _ := conn.stream.Read(more) // whatever there is
	text := fmt.Sprintf("%.120s", printable(append(got, more[:n]...)))
	return fault.New(fault.NotAnAgent, "%s answers, but not as an agent; it begins with %q", c.Name(), text).
		WithHint("a shell start-up file that prints something, or another program: try ssh %s true and look for output", c.Name())
}
