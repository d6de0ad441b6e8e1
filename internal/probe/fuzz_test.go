package probe_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/probe"
)

// FuzzAnAnswerTellsOnlyWhatWasAsked: whatever a service answers, its health has the flags
// that were asked for, text that may be a commit, and is good only with 200.
func FuzzAnAnswerTellsOnlyWhatWasAsked(f *testing.F) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	f.Add(200, []byte(`{"ok":true,"deploy":{"commit":"`+commit+`","requestedCommit":"`+commit+`"},"auth":{"loggedIn":true}}`), "auth.loggedIn")
	f.Add(503, []byte(`{"ok":true}`), "")
	f.Add(302, []byte(`{"ok":true}`), "ok")
	f.Add(200, []byte(`{"ok":null,"deploy":[],"a":{"b":{"c":false}}}`), "a.b.c")
	f.Add(200, []byte(`{"deploy":{"commit":"\u001b[2J\u202e"}}`), "deploy.commit")
	f.Add(200, []byte(`{"ok":true}{"ok":false}`), ".")
	f.Add(200, []byte(`{"ok":false,"ok":true,"OK":true}`), "..")
	f.Add(0, []byte(strings.Repeat("[", 20_000)), "")
	f.Fuzz(func(t *testing.T, status int, body []byte, flags string) {
		asked := strings.Fields(flags)
		h := probe.Read(status, body, asked)
		if h.Status != status || h.OK && (status != http.StatusOK || h.Error != "") {
			t.Errorf("HTTP %d is %+v", status, h)
		}
		for _, s := range []string{h.Commit, h.RequestedCommit} {
			if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q may be no commit", s)
			}
		}
		for name := range h.Flags {
			if !slices.Contains(asked, name) {
				t.Errorf("%q was not asked for", name)
			}
		}
		var whole map[string]any
		object := json.Unmarshal(body, &whole) == nil && whole != nil
		if told := h.Error == ""; told != (object && len(body) <= probe.MaxAnswer && (status < 300 || status >= 400)) {
			t.Errorf("HTTP %d, a JSON object %t: %q", status, object, h.Error)
		}
		if h.Error != "" && (h.OK || h.Commit != "" || h.RequestedCommit != "" || h.Flags != nil) {
			t.Errorf("an answer that is none has %+v", h)
		}
		if ok, is := whole["ok"].(bool); object && h.OK && is && !ok {
			t.Errorf("%q is good", body)
		}
	})
}
