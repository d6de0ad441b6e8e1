package present

import (
	"bytes"
	"context"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

func TestHalfAnAnswerIsNoSuccess(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		ctx     context.Context //nolint:containedctx // the table's input
		missing bool
		want    int
	}{{t.Context(), false, ExitOK}, {t.Context(), true, ExitFailed}, {stopped, true, ExitInterrupted}, {stopped, false, ExitOK}} {
		if got := (Answer{Exit: Incomplete(c.missing)}).UnlessStopped(c.ctx).Exit; got != c.want {
			t.Errorf("missing %t: exit code %d, want %d", c.missing, got, c.want)
		}
	}
}

func TestAnAnswerIsJSONForAScriptAndTextForAPerson(t *testing.T) {
	t.Parallel()
	valued := NewAnswer(ExitOK, map[string]string{"a": "<b>"}, func(out io.Writer, _ map[string]string) error {
		_, err := io.WriteString(out, "words\n")
		return err
	})
	for _, c := range []struct {
		answer Answer
		form   string
		want   string
	}{
		{valued, "text", "words\n"},
		{valued, "json", "{\n  \"schemaVersion\": 1,\n  \"a\": \"<b>\"\n}\n"},
		{File("f.yaml", "a: 1\n"), "text", "a: 1\n"},
		{File("f.yaml", "a: 1\n"), "json", "{\n  \"schemaVersion\": 1,\n  \"ok\": true,\n  \"file\": \"f.yaml\",\n  \"content\": \"a: 1\\n\"\n}\n"},
		{Nothing(), "json", ""},
	} {
		var out strings.Builder
		if err := c.answer.Print(&out, c.form); err != nil || out.String() != c.want {
			t.Errorf("%s: %v, %q, want %q", c.form, err, out.String(), c.want)
		}
	}
	if err := File("f.yaml", "x").Print(closed{}, "text"); err != syscall.EPIPE { //nolint:errorlint // unwrapped, as it came
		t.Errorf("to a reader that has gone: %v", err)
	}
}

// What is a file's or a container's stays as it is; the other lines are made ready to type.
func TestTheWordsOfAFileStay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer Answer
		want   bool
	}{
		{File("f.yaml", "old"), false},
		{Logs(Tailed{Lines: []string{"old"}}), false},
		{NewAnswer(ExitOK, map[string]string{"a": "old"}, func(out io.Writer, m map[string]string) error { _, err := io.WriteString(out, m["a"]); return err }), true},
	} {
		for _, form := range []string{"text", "json"} {
			var out strings.Builder
			err := c.answer.Print(terminal.Fitted(&out, func(s string) string { return strings.ReplaceAll(s, "old", "new") }), form)
			if err != nil || strings.Contains(out.String(), "new") != c.want {
				t.Errorf("%v, %s", err, out.String())
			}
		}
	}
}

// closed is a pipe whose reader has gone.
type closed struct{ bytes.Buffer }

func (closed) Write([]byte) (int, error) { return 0, syscall.EPIPE }
