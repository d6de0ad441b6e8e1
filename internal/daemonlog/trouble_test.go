package daemonlog

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestTroubleIsLoggedWhenItBeginsAndWhenItIsOver(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	trouble := Trouble{Log: slog.New(slog.NewTextHandler(&out, nil))}
	full := errors.New("no room")
	for i, c := range []struct {
		what string
		err  error
		want string
	}{
		{"a", nil, ""},
		{"a", full, `level=ERROR msg="it fails, and the watch goes on" what=a err="no room" hint=make`},
		{"a", errors.New("other"), ""},
		{"b", full, "what=b"},
		{"a", nil, `level=INFO msg="it works again" what=a`},
		{"a", nil, ""},
		{"a", full, "it fails"},
	} {
		out.Reset()
		trouble.Became(c.what, c.err, slog.String("hint", "make"))
		if got := out.String(); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}
