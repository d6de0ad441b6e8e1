package tunnel

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
)

// sshSaid is a line of ssh and its meaning. ssh ends with 255 for every failure: only its
// words, which it never translates, distinguish them.
type sshSaid struct {
	// part is in a line of ssh.
	part   string
	reason fault.Reason
	retry  bool
	hint   string
}

// sshSayings are looked through in their order: ssh repeats some as a summary of others.
// A failure that is not here may pass by itself.
func sshSayings() []sshSaid {
	const unreachable, configuration = fault.HostUnreachable, "fix the line in ssh's configuration that it names, or let ssh pass the option over: IgnoreUnknown OPTION"
	// An operator who may log in there, and deploys by sudo, does not think of this.
	own := " (under sudo ssh goes by root's ~/.ssh, see " + manual.Page("hosts.md") + ")"
	return []sshSaid{
		{part: "REMOTE HOST IDENTIFICATION HAS CHANGED", reason: fault.HostKeyMismatch},
		{part: "Bad configuration option", reason: fault.ConfigInvalid, hint: configuration},
		{part: "bad configuration options", reason: fault.ConfigInvalid, hint: configuration},
		{part: "Bad owner or permissions on", reason: fault.ConfigInvalid, hint: "the file must belong to this account or root, and no other account may write to it: chmod go-w"},
		{part: "host key is known for", reason: unreachable, hint: "log in by hand once to check and accept its host key" + own},
		{part: "Host key verification failed", reason: unreachable, hint: "log in by hand once with the same destination: the key of a jump host on the way must be known, too"},
		{part: "Too many authentication failures", reason: unreachable, hint: "this account offers more keys than the host takes tries: set IdentityFile and IdentitiesOnly yes for it in ssh's configuration"},
		{part: ": Permission denied (", reason: unreachable, hint: "none of this account's keys may log in there" + own},
		{part: "Unable to negotiate with", reason: unreachable, hint: "the host and this ssh have no algorithm in common: the line names what the host offers"},
		// A line with this has the next part, too.
		{
			part: "Temporary failure in name resolution", reason: unreachable, retry: true,
			hint: "no name server answers; a name that only ssh's own configuration has must be in that of this account" + own,
		},
		{part: "Could not resolve hostname", reason: unreachable, hint: "check this host's ssh.destination in controller.yaml, and the name in ssh's own configuration" + own},
	}
}

// sshFailed distinguishes what ssh itself failed at. A command of the user's that
// wraps ssh hands its code and text on, so this is not only for Config.SSH. It
// quotes the line of a known failure, and no banner before it.
func (c Config) sshFailed(stderr []byte, said string) error {
	for _, known := range sshSayings() {
		for line := range bytes.Lines(stderr) {
			if !bytes.Contains(line, []byte(known.part)) {
				continue
			}
			if known.reason == fault.HostKeyMismatch {
				return c.otherKey(stderr)
			}
			f := fault.New(known.reason, "ssh to %s failed: %s", c.Name(), printable(line))
			f.Retry = known.retry
			return f.WithHint("%s", known.hint)
		}
	}
	return fault.Transient(fault.HostUnreachable, "ssh to %s failed%s", c.Name(), said)
}

// otherKey makes a sentence of ssh's warning. Debian's ssh names the line to type, which is
// handed on only if it has no word but of a file and a host.
func (c Config) otherKey(stderr []byte) error {
	about, remove := "", "ssh-keygen -R HOST"
	for line := range bytes.Lines(stderr) {
		text := printable(line)
		_, file, offends := strings.Cut(text, " key in ")
		switch {
		case strings.HasPrefix(text, "SHA256:"):
			about = " (" + strings.TrimSuffix(text, ".") + ")"
		case offends && strings.HasPrefix(text, "Offending "):
			about = strings.Replace(about, ")", ", known: "+file+")", 1)
		case removesKey.MatchString(text):
			remove = text
		}
	}
	return fault.New(fault.HostKeyMismatch, "%s answers with another host key than the known one%s", c.Name(), about).
		WithHint("find out why before anything else; only then: `%s`, and add the new key", remove)
}

var removesKey = regexp.MustCompile(`^ssh-keygen -f "[\w./~@-]+" -R "[\w.:\[\]-]+"$`)

// notGreeted is a command that ended with a code of its own before an agent greeted:
// another program than an agent answered, and will at the next try.
func (c Config) notGreeted(code int, said string) error {
	if said = strings.TrimSpace(said); said != "" {
		said = ": " + said
	}
	return fault.New(fault.NotAnAgent, "the login shell or a forced command on %s ended with exit status %d before an agent greeted%s", c.Name(), code, said).
		WithHint("try ssh %[1]s true: it must print nothing and end with 0; look at ~/.bashrc there, and for ForceCommand and command= of the key", c.Name())
}
