package tunnel

import (
	"context"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

const defaultConnectTimeout = 30 * time.Second

// argv is the argument list for ssh. The first value of an option wins in ssh,
// and the command line comes before every configuration file.
// version is what `ssh -V` prints.
func (s *SSH) argv(version string, share sharing) []string {
	timeout := s.connectTimeout()
	argv := []string{"ssh", "-T"}
	for _, option := range []string{
		// Never ask: a question that no person sees is a hang.
		"BatchMode=yes",
		// ssh_config(5): maximum protection against an attacker in between.
		"StrictHostKeyChecking=yes",
		// A host behind a forwarded port is on the loopback, and is another host all the same.
		"NoHostAuthenticationForLocalhost=no",
		// The user's known hosts decide, not the DNS.
		"VerifyHostKeyDNS=no",
		// Known hosts change by review, not by what a server sends.
		"UpdateHostKeys=no",
		// A dead peer is noticed after 45 s; TCP alone may take hours.
		"ServerAliveInterval=15",
		"ServerAliveCountMax=3",
		"ConnectionAttempts=1", // a second try is the caller's to make
		"ConnectTimeout=" + strconv.Itoa(int((timeout+time.Second-1)/time.Second)),
		// The connection carries a command's streams and nothing else.
		"ClearAllForwardings=yes",
		"ForwardAgent=no",
		"GSSAPIDelegateCredentials=no",
		"AddKeysToAgent=no",
		"ForwardX11=no",
		"Tunnel=no",
		"PermitLocalCommand=no",
		"RemoteCommand=none",
		"RequestTTY=no",
		"EscapeChar=none",
		// A failure is explained by what ssh prints; a picture of a key explains none.
		"LogLevel=INFO",
		"VisualHostKey=no",
		// Layers are compressed already.
		"Compression=no",
		// ^ puts these before ssh's own list: twice the speed of its first choice,
		// chacha20-poly1305, if the processor has AES instructions.
		"Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com",
	} {
		argv = append(argv, "-o", option)
	}
	for _, option := range share.options() {
		argv = append(argv, "-o", option)
	}
	if hasSessionType(version) {
		// -N, -n and -f of a user's configuration would leave the far side without a command
		// or without its input. IgnoreUnknown would do for an ssh without these options, but
		// takes the place of the user's own: a mistyped option would then pass without a word.
		argv = append(argv, "-o", "SessionType=default", "-o", "StdinNull=no", "-o", "ForkAfterAuthentication=no")
	}
	if s.ConfigFile != "" {
		argv = append(argv, "-F", s.ConfigFile)
	}
	return append(argv, "--", s.Destination, plain.Command(s.command()...))
}

// sharing is how an ssh shares its connection. Without a path it shares none: a
// connection of the user's would outlive us.
type sharing struct {
	// path is that of the control socket.
	path string
	// rides means that the connection is another ssh's, which listens on the socket. Else
	// this ssh makes it and listens.
	rides bool
}

func (s sharing) options() []string {
	switch {
	case s.path == "":
		return []string{"ControlMaster=no", "ControlPath=none"}
	case s.rides:
		// An ssh that cannot ride dials anew. This takes the place of any ProxyCommand and
		// ProxyJump of the user's, so that it cannot.
		return []string{"ControlMaster=no", "ControlPath=" + s.path, "ProxyCommand=false"}
	default:
		return []string{"ControlMaster=yes", "ControlPath=" + s.path, "ControlPersist=no"}
	}
}

// versionWait is far more than ssh takes to print its version.
const versionWait = 5 * time.Second

// sshVersion returns what `ssh -V` prints, "" if there is no ssh.
func sshVersion(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, versionWait)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput() // the start for the host fails with the reason
	return string(out)
}

var openSSH = regexp.MustCompile(`OpenSSH_([0-9]+)\.([0-9]+)`)

// hasSessionType reports whether an ssh of this version has the options of -N, -n and -f:
// OpenSSH since 8.7.
func hasSessionType(version string) bool {
	m := openSSH.FindStringSubmatch(version)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major > 8 || major == 8 && minor >= 7
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
