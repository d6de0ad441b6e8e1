// Package tunnel turns a way to reach an agent into a net.Conn: the system's ssh
// with an argument list of ours, a command of the user's, or a local socket.
//
// Host keys are always checked, and by ssh: the user's configuration, keys, jump hosts
// and known_hosts stay in force, but what a careless configuration could weaken (host
// keys, forwarding, multiplexing) is set on the command line, since ssh's first value
// wins. Nothing is ever handed to a local shell.
//
// Several connections to an agent share an ssh connection ([Trunk]): a window of ssh's
// bounds what each carries in a round trip.
//
// A child process is tied to its connection: it dies with it, with this process
// (PR_SET_PDEATHSIG), and nothing else gets its streams. The danger here is a far end
// that is not an agent, a shell that prints for example; so the agent's first line is
// checked before HTTP/2 sees a byte.
package tunnel

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Preface is what an agent's standard output begins with. A line, so that a
// person who runs the command by hand sees what it is.
const Preface = "unidesk-agent-stdio/1\n"

// Exit codes of `unidesk-agent stdio`, of sysexits.h: they cross ssh; a message would
// have to be parsed.
const (
	// ExitNoAgent: nothing listens on the agent's socket.
	ExitNoAgent = 69
	// ExitNoPermission: the account may not open the agent's socket.
	ExitNoPermission = 77
)

// Config is a way to reach an agent. Exactly one part is set.
type Config struct {
	// SSH runs the agent's stdio command over the system's ssh.
	SSH *SSH `yaml:"ssh,omitempty" json:"ssh,omitempty"`
	// Command runs any other command whose standard streams lead to the agent.
	Command []string `yaml:"command,omitempty" json:"command,omitempty"`
	// Socket is the path of an agent's unix socket on this machine.
	Socket string `yaml:"socket,omitempty" json:"socket,omitempty"`
}

// SSH is a host as ssh knows it.
type SSH struct {
	// Destination is what a person would type after ssh: a name of ssh_config, a host,
	// user@host or ssh://user@host:port.
	Destination string `yaml:"destination" json:"destination"`
	// ConfigFile takes the place of the user's ssh_config (ssh -F).
	ConfigFile string `yaml:"configFile,omitempty" json:"configFile,omitempty"`
	// Command is run on the host; left out, it is unidesk-agent stdio.
	Command []string `yaml:"command,omitempty" json:"command,omitempty"`
	// ConnectTimeout bounds connection and handshake; left out, it is 30 s.
	ConnectTimeout time.Duration `yaml:"connectTimeout,omitempty" json:"connectTimeout,omitempty"`
}

// Validate checks the form; it reaches for nothing.
func (c Config) Validate() error {
	set := 0
	for _, is := range []bool{c.SSH != nil, len(c.Command) > 0, c.Socket != ""} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("set exactly one of ssh, command and socket")
	case c.SSH != nil:
		return c.SSH.validate()
	case c.Socket != "":
		if !filepath.IsAbs(c.Socket) {
			return fmt.Errorf("socket %q is not an absolute path", c.Socket)
		}
		return nil
	default:
		return words("command", c.Command)
	}
}

func (s *SSH) validate() error {
	switch {
	case s.Destination == "":
		return errors.New("ssh.destination is missing")
	case strings.HasPrefix(s.Destination, "-"):
		// CVE-2017-1000117 and its kin; -- stands before it too.
		return fmt.Errorf("ssh.destination %q begins with a dash", s.Destination)
	case strings.ContainsFunc(s.Destination, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("'\"`$\\;&|<>(){}", r) }):
		// ssh hands %h and %r to ProxyCommand and Match exec, which are shell
		// commands of the user's (CVE-2023-51385).
		return fmt.Errorf("ssh.destination %q holds a character that a shell would act on", s.Destination)
	case strings.HasPrefix(s.ConfigFile, "-"):
		return fmt.Errorf("ssh.configFile %q begins with a dash", s.ConfigFile)
	case s.ConnectTimeout < 0 || s.ConnectTimeout > 10*time.Minute:
		return fmt.Errorf("ssh.connectTimeout %v is not in 0 to 10m", s.ConnectTimeout)
	case len(s.Command) == 0:
		return nil
	}
	return words("ssh.command", s.Command)
}

func words(name string, words []string) error {
	for i, w := range words {
		if w == "" && i == 0 || strings.ContainsAny(w, "\x00\n\r") {
			return fmt.Errorf("%s: word %d is empty or holds a line break", name, i+1)
		}
	}
	return nil
}

// Name is how the far end is called in messages.
func (c Config) Name() string {
	switch {
	case c.SSH != nil:
		return c.SSH.Destination
	case c.Socket != "":
		return c.Socket
	case len(c.Command) > 0:
		return c.Command[0]
	default:
		return "nowhere"
	}
}
