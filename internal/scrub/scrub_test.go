package scrub_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
)

// encoders make of a text what programs make of it.
func encoders(t *testing.T) map[string]func(text string) string {
	t.Helper()
	marshal := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	return map[string]func(text string) string{
		"as it is":                       func(text string) string { return text },
		"JSON":                           func(text string) string { return marshal(text) },
		"JSON in JSON":                   func(text string) string { return marshal(marshal(text)) },
		"JSON in JSON in JSON":           func(text string) string { return marshal(marshal(marshal(text))) },
		"JSON of ASCII, as Python's":     func(text string) string { return marshal(strings.Trim(strconv.QuoteToASCII(text), `"`)) },
		"Go's quotes":                    func(text string) string { return fmt.Sprintf("%q", text) },
		"Go's quotes of ASCII":           func(text string) string { return fmt.Sprintf("%+q", text) },
		"Go's bytes":                     func(text string) string { return fmt.Sprintf("%v", []byte(text)) },
		"bytes of JavaScript":            func(text string) string { return strings.ReplaceAll(fmt.Sprintf("%v", []byte(text)), " ", ", ") },
		"a query":                        url.QueryEscape,
		"a path":                         url.PathEscape,
		"a query in lower case":          func(text string) string { return percent.ReplaceAllStringFunc(url.QueryEscape(text), strings.ToLower) },
		"HTML":                           html.EscapeString,
		"a shell":                        func(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" },
		"octal":                          func(text string) string { return each(text, `\%03o`) },
		"hex":                            func(text string) string { return hex.EncodeToString([]byte(text)) },
		"hex in upper case":              func(text string) string { return fmt.Sprintf("%X", text) },
		"hex with colons":                func(text string) string { return strings.TrimSuffix(each(text, "%02x:"), ":") },
		"hex of a C program":             func(text string) string { return each(text, "0x%02x, ") },
		"hex escapes":                    func(text string) string { return each(text, `\x%02x`) },
		"base64":                         encoded,
		"base64 without padding":         func(text string) string { return base64.RawStdEncoding.EncodeToString([]byte(text)) },
		"base64 for URLs":                func(text string) string { return base64.URLEncoding.EncodeToString([]byte(text)) },
		"base64 in JSON":                 func(text string) string { return marshal([]byte(text)) },
		"base64 of JSON":                 func(text string) string { return encoded(marshal(text)) },
		"base64 in lines":                func(text string) string { return wrapped(encoded(text), 7) },
		"base64 in lines in JSON":        func(text string) string { return marshal(wrapped(encoded(text), 7)) },
		"a header of Basic":              func(text string) string { return "Authorization: Basic " + encoded("user:"+text) },
		"a header of Basic, longer user": func(text string) string { return "Authorization: Basic " + encoded("user12:"+text) },
	}
}

var percent = regexp.MustCompile("%[0-9A-F]{2}")

func each(text, format string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func wrapped(text string, width int) string {
	var b strings.Builder
	for i := range len(text) {
		if i > 0 && i%width == 0 {
			b.WriteByte('\n')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func TestAValueIsFoundInEveryFormThatProgramsPrintItIn(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		"hunter2", `p"a\ss&w=o rd'<x>`, "ключ-от-квартиры", "tab\there", "a+b/c d%41\\n\u00e4", "😀 long enough",
		"-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END KEY-----",
	} {
		s := scrub.New([]string{secret})
		for name, encode := range encoders(t) {
			form := encode(secret)
			got := s.String("before " + form + " after")
			if strings.Contains(got, form) || !strings.Contains(got, scrub.Redacted) {
				t.Errorf("%s of %q is still in %q", name, secret, got)
			}
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
				t.Errorf("%s of %q: what surrounds it was harmed: %q", name, secret, got)
			}
			if !s.Finds(form) || s.Finds(encode("another text, "+secret[1:3])) {
				t.Errorf("%s of %q is not distinguished from another", name, secret)
			}
		}
	}
}

// In the middle of a longer text a value looks otherwise in each encoding.
func TestAValueIsFoundInALongerTextThatIsEncoded(t *testing.T) {
	t.Parallel()
	const secret = `correct/horse&battery="staple"`
	s := scrub.New([]string{secret})
	for name, encode := range encoders(t) {
		for distance := range 7 {
			form := encode(strings.Repeat("x", distance) + secret + " and more")
			if got := s.String(form); got == form {
				t.Errorf("%s: %q has it", name, got)
			}
		}
	}
}

func TestAValueIsFoundHoweverItIsCutOrWritten(t *testing.T) {
	t.Parallel()
	const secret = "Correct-Horse-Battery-Staple"
	s := scrub.New([]string{secret})
	for said, want := range map[string]string{
		"password CORRECT-HORSE-BATTERY-STAPLE":         "password [redacted]",
		"password Correct-Horse-\n  Battery-Staple end": "password [redacted] end",
		"password Correct-Horse-Batt":                   "password [redacted]",
		"password Correct-Horse-Batt\nnext":             "password [redacted]\nnext",
		"password Correct-Horse-Ba...":                  "password [redacted]...",
		"Battery-Staple is no password":                 "[redacted] is no password",
		"Correct-Horse-Bench is another":                "Correct-Horse-Bench is another",
		"Correct":                                       "Correct",
	} {
		if got := s.String(said); got != want {
			t.Errorf("%q became %q, want %q", said, got, want)
		}
	}
}

func TestTheSecretOfALongerValueIsASecretByItself(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"postgres://admin:hunter2x@db:5432/app?sslmode=off", "redis://:hunter2x@cache", "amqp://u:hunter2x@[broken",
		"Server=db;Uid=sa;Pwd=hunter2x;Encrypt=off", "https://a.example/hook?api_key=hunter2x&page=3",
		`{"user":"admin","password":"hunter2x"}`, "Bearer hunter2x",
	} {
		s := scrub.New([]string{value})
		if got := s.String("login with hunter2x at db"); got != "login with [redacted] at db" {
			t.Errorf("%s: %q", value, got)
		}
		for _, harmless := range []string{"user admin is on db", "page=3 of app", "broken cache", "Uid=sa;Encrypt=off"} {
			if got := s.String(harmless); got != harmless {
				t.Errorf("%s: %q became %q", value, harmless, got)
			}
		}
	}
	if got := scrub.New([]string{"ftp://u:p%40ss%2Fword@host"}).String("p@ss/word"); got != scrub.Redacted {
		t.Error(got)
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
