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
	p.Prose("running now", "a sentence that is longer than the columns beside its name")
	p.Prose("proof", "%s", Indent("two lines\nof which the second is a long line again"))
	p.Prose("digest", "it is %s", digest)
	p.Field("next", "unidesk-controller history show 20260101T000000Z-00000000 --config /etc/elsewhere")
	p.Prose("fix", "then type `unidesk-controller doctor --config DIR` on the well-known-master")
	p.Field("fix", "on the host, as root: echo 'a line that is longer: than the columns' > /etc/sudoers.d/x")
	want := `  running now    a sentence that is longer than
                 the columns beside its name
  proof          two lines
                 of which the second is a long
                 line again
  digest         it is ` + digest + `
  next           unidesk-controller history show 20260101T000000Z-00000000 --config /etc/elsewhere
  fix            then type
                 ` + "`unidesk-controller doctor --config DIR`" + `
                 on the well-known-master
  fix            on the host, as root: echo 'a line that is longer: than the columns' > /etc/sudoers.d/x
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestALineOfAPipeStaysWhole(t *testing.T) {
	t.Setenv("COLUMNS", "")
	var out bytes.Buffer
	long := strings.Repeat("word ", 100) + "end"
	NewPrinter(&out).Prose("name", "%s", long)
	if !strings.Contains(out.String(), long) {
		t.Error(out.String())
	}
}
