// Package scrub takes secrets out of text that other programs wrote, before it
// goes into an error, a log or a result. It knows values and not patterns: what it
// was not given it cannot find, so a caller who shows foreign text gives it every
// value that the text's author was given.
//
// Programs quote, escape, encode, wrap and cut what they print. The forms of a value are
// too many to list, so the text is decoded instead, in each way that this package knows,
// and the values are looked for in each decoding.
//
// Files, each using only those above it: view.go, decode.go, secret.go, scrub.go.
package scrub

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
)

// Redacted stands in place of a secret.
const Redacted = "[redacted]"

// Scrubber replaces known values. The zero value replaces nothing.
type Scrubber struct{ secrets []secret }

// New returns a scrubber of these values, of each line of a value that has several, and of
// the credentials in a value that is a URL, a connection string or JSON. It finds them as
// they stand, and escaped for JSON, Go, C, a shell, a URL or HTML; in hex, base64 and lists
// of bytes; one such form within another; with blanks and line breaks put in; in other
// case; and the half of a value that is cut at the end or the beginning of a line. A value
// of less than four characters is no secret, and would take harmless text apart.
func New(values []string) Scrubber { return Scrubber{secretsOf(values)} }

// String returns text with [Redacted] in place of each value.
func (s Scrubber) String(text string) string {
	var b strings.Builder
	end := 0
	for _, found := range s.find(text) {
		b.WriteString(text[end:found.from])
		b.WriteString(Redacted)
		end = found.to
	}
	b.WriteString(text[end:])
	return b.String()
}

// Finds reports whether text holds a value.
func (s Scrubber) Finds(text string) bool { return len(s.find(text)) > 0 }

// find returns where the values stand, in order; what overlaps is in a single part.
func (s Scrubber) find(text string) (found []span) {
	if len(s.secrets) == 0 {
		return nil
	}
	decodings(text, func(v view) {
		v.search(s.secrets, func(at span) { found = append(found, at) })
	})
	slices.SortFunc(found, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	merged := found[:0]
	for _, at := range found {
		if last := len(merged) - 1; last >= 0 && at.from <= merged[last].to {
			merged[last].to = max(merged[last].to, at.to)
			continue
		}
		merged = append(merged, at)
	}
	return merged
}

// LogValue implements [slog.LogValuer]: a scrubber is made of secrets.
func (Scrubber) LogValue() slog.Value { return slog.StringValue(Redacted) }

// GoString implements fmt.GoStringer likewise.
func (Scrubber) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler likewise.
func (Scrubber) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
