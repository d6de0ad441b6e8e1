package tunnel

import (
	"strconv"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

const defaultConnectTimeout = 30 * time.Second

// argv is the argument list for ssh. The first value of an option wins in ssh,
// and the command line comes before every configuration file.
func (s *SSH) argv() []string {
	timeout := s.connectTimeout()
	argv := []string{"ssh", "-T"}
	for _, option := range []string{
		// Never ask: a question nobody sees is a hang.
		"BatchMode=yes",
		// ssh_config(5): maximum protection against an attacker in between.
		"StrictHostKeyChecking=yes",
		// Known hosts change by review, not because a server says so.
		"UpdateHostKeys=no",
		// A dead peer is noticed after 45 s; TCP alone may take hours.
		"ServerAliveInterval=15",
		"ServerAliveCountMax=3",
		"ConnectTimeout=" + strconv.Itoa(int((timeout+time.Second-1)/time.Second)),
		// The connection carries one command's streams and nothing else.
		"ClearAllForwardings=yes",
		// -N, -n and -f of a user's configuration would leave the far side without a command
		// or without its input. An ssh before 8.7 has no such options, and passes them over. This
		// takes the place of the user's own IgnoreUnknown, so it must pass over what that does.
		"IgnoreUnknown=*",
		"SessionType=default",
		"StdinNull=no",
		"ForkAfterAuthentication=no",
		"ForwardAgent=no",
		"ForwardX11=no",
		"Tunnel=no",
		"PermitLocalCommand=no",
		"RemoteCommand=none",
		"RequestTTY=no",
		"EscapeChar=none",
		// A shared connection would outlive us, and share its window with others.
		"ControlMaster=no",
		"ControlPath=none",
		// Layers are compressed already.
		"Compression=no",
		// ^ puts these before ssh's own list: twice the speed of its first choice,
		// chacha20-poly1305, where the processor has AES instructions.
		"Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
	} {
		argv = append(argv, "-o", option)
	}
	if s.ConfigFile != "" {
		argv = append(argv, "-F", s.ConfigFile)
	}
	return append(argv, "--", s.Destination, plain.Command(s.command()...))
}

func (s *SSH) connectTimeout() time.Duration {
	if s.ConnectTimeout == 0 {
		return defaultConnectTimeout
	}
	return s.ConnectTimeout
}

func (s *SSH) command() []string {
	if len(s.Command) == 0 {
		return []string{"unidesk-agent", "stdio"}
	}
	return s.Command
}
