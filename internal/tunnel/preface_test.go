package tunnel

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestWhatIsNotAnAgentIsToldApart(t *testing.T) {
	t.Parallel()
	refused := filepath.Join(t.TempDir(), "nobody-listens")
	for name, c := range map[string]struct {
		config Config
		want   fault.Reason
		retry  bool
		text   string
	}{
		"a shell that greets":           {shell("echo Welcome to D601; " + greet + "cat"), fault.NotAnAgent, false, `"Welcome to D601 | unidesk-agent-stdio/1"`},
		"a shell that colours":          {shell(`printf '\033[31mred\033]0;title\007\r\n'; cat`), fault.NotAnAgent, false, `"?[31mred?]0;title?"`},
		"an HTTP server":                {shell("printf 'HTTP/1.1 400 Bad Request\\r\\n\\r\\n'"), fault.NotAnAgent, false, "HTTP/1.1 400 Bad Request"},
		"a later protocol":              {shell("printf 'unidesk-agent-stdio/2\\n'; cat"), fault.NotAnAgent, false, "unidesk-agent-stdio/2"},
		"a carriage return in between":  {shell("printf 'unidesk-agent-stdio/1\\r\\n'; cat"), fault.NotAnAgent, false, "unidesk-agent-stdio/1"},
		"no such command":               {shell("no-such-command-here"), fault.NotAnAgent, false, "not found"},
		"a command that may not be run": {shell("exit 126"), fault.NotAnAgent, false, "exit status 126"},
		"an agent that does not answer": {shell("echo 'unidesk-agent: dial unix: refused' >&2; exit 69"), fault.HostUnreachable, true, "dial unix: refused"},
		"an account that may not":       {shell("exit 77"), fault.RoleMissing, false, "socket"},
		"an end without a word":         {shell("exit 0"), fault.HostUnreachable, true, "closed the connection"},
		"half a preface":                {shell("printf unidesk-agent"), fault.HostUnreachable, true, "closed the connection"},
		"a death":                       {shell("kill -9 $$"), fault.HostUnreachable, true, "signal: killed"},
		"ssh: connection refused":       {shell("echo 'ssh: connect to host d601 port 22: Connection refused' >&2; exit 255"), fault.HostUnreachable, true, "Connection refused"},
		"ssh: unknown host key": {
			shell("echo 'No ED25519 host key is known for d601 and you have requested strict checking.' >&2; exit 255"),
			fault.HostUnreachable, false, "is known for",
		},
		"ssh: a name that is none": {
			shell("echo 'ssh: Could not resolve hostname d601: Name or service not known' >&2; exit 255"),
			fault.HostUnreachable, false, "Could not resolve",
		},
		"ssh: no name server for the moment": {
			shell("echo 'ssh: Could not resolve hostname d601: Temporary failure in name resolution' >&2; exit 255"),
			fault.HostUnreachable, true, "Could not resolve",
		},
		"ssh: no key that may": {
			shell("echo 'ops@d601: Permission denied (publickey).' >&2; exit 255"),
			fault.HostUnreachable, false, "Permission denied",
		},
		"ssh: an option that it does not know": {
			shell("echo '/home/ops/.ssh/config: line 3: Bad configuration option: usekeychain' >&2; echo '/home/ops/.ssh/config: terminating, 1 bad configuration options' >&2; exit 255"),
			fault.ConfigInvalid, false, "line 3",
		},
		"ssh: a configuration that others may write to": {
			shell("echo 'Bad owner or permissions on /home/ops/.ssh/config' >&2; exit 255"), fault.ConfigInvalid, false, "/home/ops/.ssh/config",
		},
		"ssh: more keys than tries": {
			shell("echo 'Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures' >&2; exit 255"),
			fault.HostUnreachable, false, "Too many",
		},
		"ssh: no algorithm in common": {
			shell("echo 'Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-dss' >&2; exit 255"),
			fault.HostUnreachable, false, "Their offer: ssh-dss",
		},
		"ssh: the unknown host key of a jump host": {
			shell("echo 'Host key verification failed.' >&2; echo 'kex_exchange_identification: Connection closed by remote host' >&2; exit 255"),
			fault.HostUnreachable, false, "verification failed",
		},
		"ssh: a failure behind a banner": {
			shell("echo 'All of this is watched.' >&2; echo 'ops@d601: Permission denied (publickey).' >&2; exit 255"),
			fault.HostUnreachable, false, "failed: ops@d601: Permission denied",
		},
		"ssh: changed host key": {
			shell("echo '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @' >&2; exit 255"),
			fault.HostKeyMismatch, false, "another host key than the known one",
		},
		"a program that is not there": {Config{Command: []string{"/no/such/program"}}, fault.HostUnreachable, false, "/no/such/program"},
		"a socket that is not there":  {Config{Socket: refused}, fault.HostUnreachable, true, refused},
		"nothing configured":          {Config{}, fault.ConfigInvalid, false, "exactly one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := Dial(t.Context(), c.config)
			if err == nil {
				_ = conn.Close()
				t.Fatal("dialed")
			}
			if fault.ReasonOf(err) != c.want || fault.Retryable(err) != c.retry || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %s, retry %t: %v", fault.ReasonOf(err), fault.Retryable(err), err)
			}
			if strings.HasPrefix(name, "ssh: ") && !strings.HasSuffix(name, "refused") && fault.HintOf(err) == "" {
				t.Errorf("%v has no hint", err)
			}
			// Under sudo ssh goes by root's names, keys and known hosts.
			own := []string{"ssh: a name that is none", "ssh: no name server for the moment", "ssh: unknown host key", "ssh: no key that may", "ssh: a failure behind a banner"}
			if slices.Contains(own, name) != strings.Contains(fault.HintOf(err), "sudo") {
				t.Errorf("hint %q", fault.HintOf(err))
			}
			if strings.HasPrefix(name, "an agent that") && !strings.Contains(fault.HintOf(err), "systemctl status") {
				t.Errorf("hint %q", fault.HintOf(err))
			}
			if strings.ContainsAny(err.Error()+fault.HintOf(err), "\x1b\a\r\n") {
				t.Errorf("control characters in %q", err)
			}
		})
	}
}

// Of ssh's warning, fifteen lines long, the message has the key and the file of the known key, and the hint the line to type.
func TestAChangedHostKeyIsSaidShortly(t *testing.T) {
	t.Parallel()
	const warning = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
SHA256:pV5GMvzVbQ0xZ2bF0l0T7eVZ5cZr3Yc1b8jRk0W9s4E.
Please contact your system administrator.
Add correct host key in /home/ops/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /home/ops/.ssh/known_hosts:3
  remove with:
  ssh-keygen -f "/home/ops/.ssh/known_hosts" -R "d601"
Host key for d601 has changed and you have requested strict checking.
Host key verification failed.`
	file := filepath.Join(t.TempDir(), "warning")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(warning, "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), shell("cat "+file+" >&2; exit 255"))
	const want = "sh answers with another host key than the known one (SHA256:pV5GMvzVbQ0xZ2bF0l0T7eVZ5cZr3Yc1b8jRk0W9s4E, known: /home/ops/.ssh/known_hosts:3)"
	if err == nil || err.Error() != want || !strings.Contains(fault.HintOf(err), "`ssh-keygen -f \"/home/ops/.ssh/known_hosts\" -R \"d601\"`") {
		t.Errorf("got %v (%s), want %s", err, fault.HintOf(err), want)
	}
}

// scripted hands out its parts in turn, as a pipe may.
type scripted struct{ parts [][]byte }

func (s *scripted) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; len(s.parts[0]) == 0 {
		s.parts = s.parts[1:]
	}
	return n, nil
}

func FuzzStdioPreface(f *testing.F) {
	f.Add([]byte(Preface+"PRI * HTTP/2.0"), 3)
	f.Add([]byte("Last login: today\n"+Preface), 1)
	f.Add([]byte(Preface[:5]), 2)
	f.Add([]byte{}, 1)
	f.Fuzz(func(t *testing.T, input []byte, step int) {
		step = max(1, min(step, len(input)))
		var s scripted
		for part := range slices.Chunk(input, step) {
			s.parts = append(s.parts, part)
		}
		_, err := readPreface(&s)
		if accepted, is := err == nil, strings.HasPrefix(string(input), Preface); accepted != is {
			t.Fatalf("%q: accepted %t", input, accepted)
		}
		if err == nil {
			if rest, _ := io.ReadAll(&s); string(rest) != string(input[len(Preface):]) {
				t.Fatalf("%q: %q is left", input, rest)
			}
		}
	})
}
