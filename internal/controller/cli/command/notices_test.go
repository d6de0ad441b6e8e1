package command

import (
	"bytes"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// What is not sent is a note at a command's end; a command that does not end hears of it at
// once, and prints no note.
func TestANoticeThatIsNotSentIsReported(t *testing.T) {
	t.Parallel()
	for name, watches := range map[string]bool{"a deploy": false, "a watch": true} {
		var stderr bytes.Buffer
		a := New(nil, Streams{Out: &stderr, Err: &stderr}, "test", nil)
		heard := make(chan error, 1)
		if watches {
			a.UnsentGo(func(err error) { heard <- err })
		}
		c := site.Config{State: t.TempDir(), Notify: notify.Config{Command: []string{"/bin/false"}}}
		a.notices.send(c, journal.Line{Run: ledger.NewID(time.Now()), End: &journal.End{Outcome: "succeeded"}})
		if watches {
			if err := <-heard; err == nil { // before the command ends
				t.Errorf("%s: it was sent", name)
			}
		}
		if a.sent(); bytes.Contains(stderr.Bytes(), []byte("/bin/false: exit status 1")) == watches {
			t.Errorf("%s: stderr is %q", name, stderr.String())
		}
	}
}

func TestAProgramThatIsNotifiedIsTraced(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	a := New(nil, Streams{Out: &stderr, Err: &stderr}, "test", nil)
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	if err := a.trace(cmd); err != nil {
		t.Fatal(err)
	}
	c := site.Config{State: t.TempDir(), Notify: notify.Config{Command: []string{"/bin/true", "--token=hunter2"}}}
	a.notices.send(c, journal.Line{Run: ledger.NewID(time.Now()), End: &journal.End{Outcome: "succeeded"}})
	if a.sent(); !bytes.Contains(stderr.Bytes(), []byte("debug 1: /bin/true\ndebug 1: ok after")) || bytes.Contains(stderr.Bytes(), []byte("hunter2")) {
		t.Errorf("stderr is %q", stderr.String())
	}
}
