// Package scrub takes secrets out of text that other programs wrote, before it
// goes into an error, a log or a result. It knows values and not patterns: what it
// was not given it cannot find, so whoever shows foreign text gives it everything
// that the text's author was given.
package scrub

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// shortest is the length from which on a value is looked for. A shorter one is no
// secret, and would take harmless text apart.
const shortest = 4

// Scrubber replaces known values. The zero value replaces nothing.
type Scrubber struct{ replace *strings.Replacer }

// New returns a scrubber of these values and of the forms in which programs quote
// them: escaped for JSON, Go, a URL or a shell, in hex, in base64. Of a value of
// several lines, such as a key, each line is one by itself, too.
func New(values []string) Scrubber {
	found := make(map[string]bool)
	for _, v := range values {
		for _, part := range append(strings.Split(v, "\n"), v) {
			if part = strings.TrimSpace(part); len(part) >= shortest && !harmless(part) {
				for _, form := range forms(part) {
					found[form] = true
				}
			}
		}
	}
	sorted := make([]string, 0, len(found))
	for form := range found {
		sorted = append(sorted, form)
	}
	// The replacer prefers, at one place, the pair that comes first: the longest,
	// or a value that begins another one would leave the rest of it.
	slices.SortFunc(sorted, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(sorted))
	for _, form := range sorted {
		pairs = append(pairs, form, Redacted)
	}
	if len(pairs) == 0 {
		return Scrubber{}
	}
	return Scrubber{strings.NewReplacer(pairs...)}
}

// String returns text without the values.
func (s Scrubber) String(text string) string {
	if s.replace == nil {
		return text
	}
	return s.replace.Replace(text)
}

// LogValue implements [slog.LogValuer]: a scrubber is made of secrets.
func (Scrubber) LogValue() slog.Value { return slog.StringValue(Redacted) }

// GoString implements fmt.GoStringer likewise.
func (Scrubber) GoString() string { return Redacted }

// MarshalText implements encoding.TextMarshaler likewise.
func (Scrubber) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// harmless are words that settings are full of and that tell nothing.
func harmless(v string) bool {
	switch strings.ToLower(v) {
	case "true", "false", "null", "none":
		return true
	}
	return false
}

func forms(v string) []string {
	b := []byte(v)
	quoted, _ := json.Marshal(v)
	all := []string{
		v,
		string(quoted[1 : len(quoted)-1]),
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(v),
		url.QueryEscape(v), url.PathEscape(v),
		strings.ReplaceAll(v, `'`, `'\''`),
		hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
		base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
	}
	return slices.DeleteFunc(all, func(form string) bool { return form == "" })
}
