package scrub_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
)

func TestAValueIsFoundInEveryFormThatProgramsQuoteItIn(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"hunter2", `p"a\ss&w=o rd'<x>`, "ключ-от-квартиры", "tab\there", "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END KEY-----"} {
		quoted, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		s := scrub.New([]string{secret})
		for name, form := range map[string]string{
			"raw": secret, "json": strings.Trim(string(quoted), `"`), "go": strings.Trim(fmt.Sprintf("%q", secret), `"`),
			"query": url.QueryEscape(secret), "path": url.PathEscape(secret),
			"hex": hex.EncodeToString([]byte(secret)), "base64": base64.StdEncoding.EncodeToString([]byte(secret)),
			"base64 url raw": base64.RawURLEncoding.EncodeToString([]byte(secret)),
		} {
			got := s.String("before " + form + " after")
			for line := range strings.Lines(form) {
				if strings.Contains(got, strings.TrimSpace(line)) {
					t.Errorf("%s of %q is still in %q", name, secret, got)
				}
			}
			if !strings.HasPrefix(got, "before "+scrub.Redacted) || !strings.HasSuffix(got, " after") {
				t.Errorf("%s: what surrounds it was harmed: %q", name, got)
			}
		}
	}
}

func TestAValueThatBeginsAnotherLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	if got := scrub.New([]string{"pass", "password-long"}).String("x=password-long;y=pass"); got != "x=[redacted];y=[redacted]" {
		t.Error(got)
	}
}

func TestALineOfAKeyIsASecretByItself(t *testing.T) {
	t.Parallel()
	if got := scrub.New([]string{"begin\r\nMIIEvQIBADANBg\r\nend"}).String("bad line: MIIEvQIBADANBg"); got != "bad line: [redacted]" {
		t.Error(got)
	}
}

func TestShortAndHarmlessValuesLeaveTextAlone(t *testing.T) {
	t.Parallel()
	const text = "true is 80 on yes"
	for _, s := range []scrub.Scrubber{scrub.New([]string{"80", "yes", "on", "", "true"}), scrub.New(nil), {}} {
		if got := s.String(text); got != text {
			t.Errorf("%q", got)
		}
	}
}

func TestAScrubberPrintsNoneOfItsValues(t *testing.T) {
	t.Parallel()
	s := scrub.New([]string{"hunter2secret"})
	j, err := json.Marshal(struct{ S scrub.Scrubber }{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{fmt.Sprintf("%#v", s), string(j), s.LogValue().String()} {
		if strings.Contains(got, "hunter2") {
			t.Errorf("%q", got)
		}
	}
}

func FuzzNoValueSurvives(f *testing.F) {
	f.Add("hunter2", "a hunter2 b")
	f.Add("abcabd", "abcabcabd")
	f.Fuzz(func(t *testing.T, secret, text string) {
		s := scrub.New([]string{secret})
		if v := strings.TrimSpace(secret); len(v) >= 4 && !strings.Contains(v, "\n") && !strings.Contains(scrub.Redacted, v) &&
			!strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") && !strings.EqualFold(v, "null") && !strings.EqualFold(v, "none") {
			// What the replacement's own characters make with their neighbours is not
			// the value's doing.
			for piece := range strings.SplitSeq(s.String(text), scrub.Redacted) {
				if strings.Contains(piece, v) {
					t.Errorf("%q is in %q", v, piece)
				}
			}
		}
	})
}
