package envfile

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Where the statements of a file are, which the parser of compose-go does not return.
// This follows dotenv/parser.go of compose-go v2.16 step by step, oddities included;
// [evaluate] refuses a file of which the two think differently.

// statement is an assignment: raw[start:end], its value raw[value:end], before it white
// space raw[assign:value], unless the value is empty.
type statement struct {
	key                       string
	start, assign, value, end int
	// quote is the value's quotation mark, part of raw[value:end], or 0.
	quote byte
	// bare is a name without a value: the environment's is meant.
	bare bool
}

// flaw is what is wrong with a file, in words that hold nothing of it.
type flaw struct {
	line int
	what string
}

func (f flaw) fault(name string) error {
	if f.line == 0 {
		return fault.New(fault.EnvFileInvalid, "env file %s: %s", name, f.what)
	}
	return fault.New(fault.EnvFileInvalid, "env file %s: line %d: %s", name, f.line, f.what).
		WithHint("look at line %d of %s; it is not shown here since it may hold a secret", f.line, name)
}

func flawAt(b []byte, offset int, what string) *flaw {
	return &flaw{line: 1 + bytes.Count(b[:offset], []byte("\n")), what: what}
}

const bom = "\uFEFF"

var exportForm = regexp.MustCompile(`^export\s+`)

func scan(b []byte) ([]statement, *flaw) {
	src := string(b)
	var found []statement
	for at := len(src) - len(strings.TrimPrefix(src, bom)); ; {
		at = skipBlank(src, at)
		if at == len(src) {
			return found, nil
		}
		s := statement{start: at}
		if bad := s.scanKey(src); bad != "" {
			return nil, flawAt(b, s.start, bad)
		}
		if s.bare {
			found, at = append(found, s), s.end
			continue
		}
		next, bad := s.scanValue(src)
		if bad != "" {
			return nil, flawAt(b, s.start, bad)
		}
		found, at = append(found, s), next
	}
}

// skipBlank passes over white space and comments.
func skipBlank(src string, at int) int {
	for at < len(src) {
		rest := strings.TrimLeftFunc(src[at:], unicode.IsSpace)
		if at = len(src) - len(rest); !strings.HasPrefix(rest, "#") {
			return at
		}
		end := strings.IndexByte(rest, '\n')
		if end < 0 {
			return len(src)
		}
		at += end
	}
	return at
}

func (s *statement) scanKey(src string) (bad string) {
	at := s.start
	if exportForm.MatchString(src[at:]) {
		at += len("export")
		at = len(src) - len(strings.TrimLeftFunc(src[at:], isSpace))
	}
	if at == len(src) {
		return "a name is missing"
	}
	after, name := at, ""
loop:
	for i, r := range src[at:] {
		switch {
		case isSpace(r), strings.ContainsRune("_.-[]", r), unicode.IsLetter(r), unicode.IsNumber(r):
		case r == '=', r == ':', r == '\n':
			name, after, s.bare = src[at:at+i], at+i+1, r == '\n'
			break loop
		default:
			return "a name holds a character that it cannot hold"
		}
	}
	s.key = strings.TrimRightFunc(name, unicode.IsSpace)
	if strings.Contains(s.key, " ") {
		return "a name holds a space"
	}
	s.assign, s.value, s.end = after, after, after
	if !s.bare {
		s.value = len(src) - len(strings.TrimLeftFunc(src[after:], isSpace))
	}
	return ""
}

// scanValue returns the offset at which the next statement may begin.
func (s *statement) scanValue(src string) (next int, bad string) {
	rest := src[s.value:]
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		line, _, more := strings.Cut(rest, "\n")
		next = s.value + len(line)
		if more {
			next++
		}
		text, _, _ := strings.Cut(line, " #")
		s.end = s.value + len(strings.TrimRightFunc(text, unicode.IsSpace))
		if s.end == s.value {
			s.value, s.end = s.assign, s.assign
		}
		return next, ""
	}
	s.quote = rest[0]
	escaped := false
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == s.quote && !escaped:
			s.end = s.value + i + 1
			return s.end, ""
		case c == '\\' && !escaped:
			escaped = true
		default:
			escaped = false
		}
	}
	return 0, "a quotation mark is not closed"
}

// isSpace is white space within a line, as the parser has it.
func isSpace(r rune) bool {
	switch r {
	case '\t', '\v', '\f', '\r', ' ', 0x85, 0xA0:
		return true
	}
	return false
}
