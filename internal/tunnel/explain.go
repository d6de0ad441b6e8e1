package tunnel

import (
	"bytes"
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

// changedKey is in ssh's warning about a host key that is not the known one. ssh
// ends with 255 for that as for everything else and tells it in no other way; the
// text is not translated and has been the same since OpenSSH 2.
const changedKey = "REMOTE HOST IDENTIFICATION HAS CHANGED"

// ssh's refusal of a host that known_hosts does not list, and sshd's of the
// account's keys. They only choose the hint, and that trying again will not help.
const (
	unknownKey = "host key is known for"
	deniedKey  = ": Permission denied ("
)

// unknownName is ssh's word for a name that no file and no server knows; a name
// server that is away for a moment is told by passingName behind it.
const (
	unknownName = "Could not resolve hostname"
	passingName = "Temporary failure in name resolution"
)

// ended says why a child's output has ended: by its exit code where that tells.
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
		return fault.New(fault.NotAnAgent, "%s has no unidesk-agent to run (%s%s)", c.Name(), how, said).
			WithHint("install the agent on %s, or name its path as ssh.command", c.Name())
	case ExitNoAgent:
		return fault.Transient(fault.HostUnreachable, "the agent on %s does not answer%s", c.Name(), said).
			WithHint("on %s: systemctl status unidesk-agent.socket unidesk-agent.service", c.Name())
	case ExitNoPermission:
		return fault.New(fault.RoleMissing, "the account on %s may not open the agent's socket%s", c.Name(), said).
			WithHint("on %s: put the account in the socket's group and give it a role in agent.yaml", c.Name())
	case exitSSH:
		return c.sshFailed(p.stderr.raw(), said)
	case 0:
		return fault.Transient(fault.HostUnreachable, "%s closed the connection%s", c.Name(), said)
	default:
		return fault.Transient(fault.HostUnreachable, "connection to %s ended (%s%s)", c.Name(), how, said)
	}
}

// sshFailed tells apart what ssh itself failed at. A command of the user's that
// wraps ssh hands its code and text on, so this is not only for Config.SSH.
func (c Config) sshFailed(stderr []byte, said string) error {
	if bytes.Contains(stderr, []byte(changedKey)) {
		return fault.New(fault.HostKeyMismatch, "%s answers with another host key than the known one%s", c.Name(), said).
			WithHint("find out why before anything else; only then: ssh-keygen -R HOST, and add the new key")
	}
	f := fault.Transient(fault.HostUnreachable, "ssh to %s failed%s", c.Name(), said)
	switch {
	case bytes.Contains(stderr, []byte(unknownKey)):
		f.Retry = false
		return f.WithHint("log in by hand once to check and accept its host key")
	case bytes.Contains(stderr, []byte(deniedKey)):
		f.Retry = false
		return f.WithHint("none of this account's keys may log in there")
	case bytes.Contains(stderr, []byte(unknownName)) && !bytes.Contains(stderr, []byte(passingName)):
		f.Retry = false
		return f.WithHint("check this host's ssh.destination in controller.yaml, and the name in ssh's own configuration")
	}
	return f
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
