//go:build integration

package tunnel_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

const greet = "printf 'unidesk-agent-stdio/1\\n'; "

func startSSHD(t *testing.T) *lab.SSHD {
	t.Helper()
	s, err := lab.StartSSHD(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Log(err)
		}
	})
	return s
}

// through is a tunnel to a shell script on the far side of sshd.
func through(s *lab.SSHD, script string) tunnel.Config {
	return tunnel.Config{SSH: &tunnel.SSH{
		Destination: lab.HostAlias, ConfigFile: s.ClientConfig, Command: []string{"sh", "-c", script}, ConnectTimeout: 5 * time.Second,
	}}
}

func wantFailure(t *testing.T, c tunnel.Config, want fault.Reason, retry bool, text string) {
	t.Helper()
	conn, err := tunnel.Dial(t.Context(), c)
	if err == nil {
		_ = conn.Close()
		t.Fatal("dialed")
	}
	if fault.ReasonOf(err) != want || fault.Retryable(err) != retry || !strings.Contains(err.Error(), text) {
		t.Errorf("got %s, retry %t: %v", fault.ReasonOf(err), fault.Retryable(err), err)
	}
	t.Logf("%v (hint: %s)", err, fault.HintOf(err))
}

func TestSSHIsEightBitClean(t *testing.T) {
	s := startSSHD(t)
	conn, err := tunnel.Dial(t.Context(), through(s, greet+"exec cat"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	message := make([]byte, 5<<20)
	for i := range message {
		message[i] = byte(rand.Uint32())
	}
	// What would be ssh's escape sequence on a terminal.
	copy(message, "\n~.\n~?\n\x03\x04\x11\x13\x00\xff")
	go func() { _, _ = conn.Write(message) }()
	got := make([]byte, len(message))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(message) {
		t.Errorf("echo differs: %v", err)
	}
	if sent, received := conn.Counts(); sent != int64(len(message)) || received != int64(len(message)+len(tunnel.Preface)) {
		t.Errorf("sent %d, received %d of %d", sent, received, len(message))
	}
}

func TestSSHFailuresAreToldApart(t *testing.T) {
	s := startSSHD(t)
	t.Run("remote command missing", func(t *testing.T) {
		c := through(s, "")
		c.SSH.Command = []string{"/no/such/unidesk-agent", "stdio"}
		wantFailure(t, c, fault.NotAnAgent, false, "127")
	})
	t.Run("agent not running", func(t *testing.T) {
		wantFailure(t, through(s, "echo no socket >&2; exit 69"), fault.HostUnreachable, true, "no socket")
	})
	t.Run("key that may not log in", func(t *testing.T) {
		config, err := s.AddKey(t.Context(), "dropped", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Forget("dropped"); err != nil {
			t.Fatal(err)
		}
		c := through(s, "true")
		c.SSH.ConfigFile = config
		wantFailure(t, c, fault.HostUnreachable, false, "Permission denied")
	})
	t.Run("forced command", func(t *testing.T) {
		config, err := s.AddKey(t.Context(), "forced", "echo you get this instead")
		if err != nil {
			t.Fatal(err)
		}
		c := through(s, greet)
		c.SSH.ConfigFile = config
		wantFailure(t, c, fault.NotAnAgent, false, "you get this instead")
	})
	t.Run("unknown host", func(t *testing.T) {
		c := through(s, greet)
		c.SSH.ConfigFile = edited(t, s, "UserKnownHostsFile", "/dev/null")
		wantFailure(t, c, fault.HostUnreachable, false, "key is known for")
	})
	t.Run("a jump host whose key is unknown", func(t *testing.T) {
		b, err := os.ReadFile(s.ClientConfig)
		if err != nil {
			t.Fatal(err)
		}
		// The jump is an ssh of its own, which has none of our options.
		jump := strings.Replace(string(b), "Host "+lab.HostAlias, "Host jump", 1)
		jump = regexp.MustCompile(`UserKnownHostsFile .*`).ReplaceAllString(jump, "UserKnownHostsFile /dev/null")
		jump = strings.Replace(jump, "  StrictHostKeyChecking yes\n", "", 1)
		c := through(s, greet)
		c.SSH.ConfigFile = filepath.Join(t.TempDir(), "ssh_config")
		if err := os.WriteFile(c.SSH.ConfigFile, []byte(string(b)+"  ProxyJump jump\n"+jump), 0o600); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, c, fault.HostUnreachable, false, "Host key verification failed")
	})
	t.Run("a configuration with -N and without input", func(t *testing.T) {
		c := through(s, greet+"exec cat")
		c.SSH.ConfigFile = edited(t, s, "IdentityAgent", "none\n  SessionType none\n  StdinNull yes\n  ForkAfterAuthentication yes")
		conn, err := tunnel.Dial(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "hello"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("a login shell that ends", func(t *testing.T) {
		wantFailure(t, through(s, "exit 3"), fault.NotAnAgent, false, "ended with exit status 3 before an agent greeted")
	})
	t.Run("careless about host keys", func(t *testing.T) {
		c := through(s, greet)
		c.SSH.ConfigFile = edited(t, s, "UserKnownHostsFile", "/dev/null\n  StrictHostKeyChecking no\n  VerifyHostKeyDNS yes\n  NoHostAuthenticationForLocalhost yes")
		wantFailure(t, c, fault.HostUnreachable, false, "key is known for")
	})
	t.Run("changed host key", func(t *testing.T) {
		if err := s.SwapHostKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantFailure(t, through(s, greet), fault.HostKeyMismatch, false, "than the known one (SHA256:")
		silent := through(s, greet)
		silent.SSH.ConfigFile = edited(t, s, "IdentityAgent", "none\n  LogLevel QUIET")
		wantFailure(t, silent, fault.HostKeyMismatch, false, "than the known one (SHA256:")
		if err := s.TrustHostKey(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("host down", func(t *testing.T) {
		if err := s.Stop(); err != nil {
			t.Log(err)
		}
		wantFailure(t, through(s, greet), fault.HostUnreachable, true, "ssh to D601 failed")
	})
	t.Run("nobody listens", func(t *testing.T) {
		c := tunnel.Config{SSH: &tunnel.SSH{Destination: "ssh://127.0.0.1:1", ConfigFile: "/dev/null"}}
		wantFailure(t, c, fault.HostUnreachable, true, "Connection refused")
	})
	t.Run("no such name", func(t *testing.T) {
		c := tunnel.Config{SSH: &tunnel.SSH{Destination: "no-such-host.invalid", ConfigFile: "/dev/null"}}
		// A machine whose resolver answers knows that there is none; a machine without
		// a resolver can only ask again.
		_, err := tunnel.Dial(t.Context(), c)
		again := err != nil && strings.Contains(err.Error(), "Temporary failure")
		wantFailure(t, c, fault.HostUnreachable, again, "resolve")
	})
}

// edited is the lab's ssh_config with the value of a keyword replaced.
func edited(t *testing.T, s *lab.SSHD, keyword, value string) string {
	t.Helper()
	b, err := os.ReadFile(s.ClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "StrictHostKeyChecking") {
			continue
		}
		if strings.Contains(line, " "+keyword+" ") {
			line = fmt.Sprintf("  %s %s\n", keyword, value)
		}
		out.WriteString(line)
	}
	path := filepath.Join(t.TempDir(), "ssh_config")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A user's configuration may ask for all of this; none of it is ours to have.
func TestACarelessConfigurationDoesNotReachTheTunnel(t *testing.T) {
	s := startSSHD(t)
	dir := t.TempDir()
	marker := filepath.Join(dir, "local-command-ran")
	c := through(s, greet+"echo tty=$(tty); exec cat")
	c.SSH.ConfigFile = edited(t, s, "IdentitiesOnly", strings.Join([]string{
		"yes", "ControlMaster auto", "ControlPath " + dir + "/mux", "ControlPersist 60", "RemoteCommand echo remote", "RequestTTY force",
		"PermitLocalCommand yes", "LocalCommand touch " + marker, "LocalForward 127.0.0.1:1 127.0.0.1:2", "ExitOnForwardFailure yes",
		"ForwardAgent yes", "ForwardX11 yes", "Compression yes", "Ciphers chacha20-poly1305@openssh.com", "UpdateHostKeys yes",
		"EscapeChar ~", "BatchMode no", "ServerAliveInterval 0",
	}, "\n  "))
	conn, err := tunnel.Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || line != "tty=not a tty\n" {
		t.Errorf("%q, %v", line, err)
	}
	for _, name := range []string{marker, dir + "/mux"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}

func TestABreakInMidStreamIsTold(t *testing.T) {
	for name, cut := range map[string]func(t *testing.T, s *lab.SSHD){
		"the server's side dies": func(_ *testing.T, s *lab.SSHD) { s.CutSessions() },
		"ssh is killed":          killOurSSH,
	} {
		t.Run(name, func(t *testing.T) {
			s := startSSHD(t)
			conn, err := tunnel.Dial(t.Context(), through(s, greet+"exec cat /dev/zero"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.CopyN(io.Discard, conn, 1<<20); err != nil {
				t.Fatal(err)
			}
			cut(t, s)
			_, err = io.Copy(io.Discard, conn)
			if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
				t.Errorf("got %v", err)
			}
			t.Log(err)
		})
	}
}

// killOurSSH kills the ssh that this test binary has as a child.
func killOurSSH(t *testing.T, _ *lab.SSHD) {
	t.Helper()
	out, err := exec.CommandContext(context.Background(), "ps", "-o", "pid=,comm=", "--ppid", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && f[1] == "ssh" {
			pid, err := strconv.Atoi(f[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no ssh")
}
