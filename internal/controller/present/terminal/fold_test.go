package terminal

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAValueIsFoldedUnderItself(t *testing.T) {
	var out bytes.Buffer
	t.Setenv("COLUMNS", "50")
	p := NewPrinter(&out)
	digest := "sha256:" + strings.Repeat("a", 64)
	p.Field("running now", "a sentence that is longer than the columns beside its name")
	p.Field("proof", "two lines\nof which the second is a long line again")
	p.Field("digest", "it is %s", digest)
	p.Verbatim("logs", `{"level": "info", "msg": "a line of a container that is longer"}`+"\n    indented")
	p.Field("path", "/srv/a\u00a0b")
	p.Typed("next", "unidesk-controller history show 20260101T000000Z-00000000 --config /etc/elsewhere")
	p.Typed("fix", "then type `unidesk-controller doctor --config DIR` on the well-known-master")
	p.Typed("fix", "on the host, as root: echo 'a line that is longer: than the columns' > /etc/sudoers.d/x")
	want := `  running now    a sentence that is longer than
                 the columns beside its name
  proof          two lines
                 of which the second is a long
                 line again
  digest         it is
                 ` + digest + `
  logs           {"level": "info", "msg": "a line of a container that is longer"}
                     indented
  path           /srv/a b
  next           unidesk-controller history show 20260101T000000Z-00000000 --config /etc/elsewhere
  fix            then type
                 ` + "`unidesk-controller doctor --config DIR`" + `
                 on the well-known-master
  fix            on the host, as root:
                 echo 'a line that is longer: than the columns' > /etc/sudoers.d/x
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// The commands of hints are whole behind the words before them.
func TestACommandInAHintIsNotBroken(t *testing.T) {
	t.Setenv("COLUMNS", "60")
	for _, command := range []string{
		"(umask 077; kubectl -n unidesk create token unidesk-agent --duration 24h >/var/lib/unidesk-agent/kubernetes-token)",
		"sudo -u somebody unidesk-controller artifact-registry health --config /etc/elsewhere",
		"cd /srv/unidesk && docker compose up -d --no-build --no-deps frontend",
		"systemctl start unidesk-agent.socket; systemctl status unidesk-agent.socket unidesk-agent.service",
	} {
		for _, before := range []string{"", "D601 says: ", "look at what is there first; ", "correct the file that the message names, then "} {
			var out bytes.Buffer
			NewPrinter(&out).Typed("fix", before+command)
			if !strings.Contains(out.String(), command+"\n") || before != "" && strings.Contains(out.String(), before+command) {
				t.Error(out.String())
			}
		}
	}
}

func TestALineOfAPipeStaysWhole(t *testing.T) {
	t.Setenv("COLUMNS", "")
	var out bytes.Buffer
	long := strings.Repeat("word ", 100) + "end"
	NewPrinter(&out).Field("name", "%s", long)
	if !strings.Contains(out.String(), long) {
		t.Error(out.String())
	}
}
