package present

import (
	"bytes"
	"context"
	"io"
	"strings"
	"syscall"
	"testing"
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
		if got := (Answer{Exit: exitIncomplete(c.missing)}).UnlessStopped(c.ctx).Exit; got != c.want {
			t.Errorf("missing %t: exit code %d, want %d", c.missing, got, c.want)
		}
	}
}

func TestAnAnswerIsJSONForAScriptAndTextForAPerson(t *testing.T) {
	t.Parallel()
	valued := answer(ExitOK, map[string]string{"a": "<b>"}, func(out io.Writer, _ map[string]string) error {
		_, err := io.WriteString(out, "words\n")
		return err
	})
	for _, c := range []struct {
		answer Answer
		form   string
		want   string
	}{
		{valued, "text", "words\n"},
		{valued, "json", "{\n  \"a\": \"<b>\"\n}\n"},
		{Text("the same\n"), "text", "the same\n"},
		{Text("the same\n"), "json", "the same\n"},
	} {
		var out strings.Builder
		if err := c.answer.Print(&out, c.form); err != nil || out.String() != c.want {
			t.Errorf("%s: %v, %q, want %q", c.form, err, out.String(), c.want)
		}
	}
	if err := Text("x").Print(closed{}, "text"); err != syscall.EPIPE { //nolint:errorlint // unwrapped, as it came
		t.Errorf("to a reader that has gone: %v", err)
	}
}

// closed is a pipe whose reader has gone.
type closed struct{ bytes.Buffer }

func (closed) Write([]byte) (int, error) { return 0, syscall.EPIPE }
