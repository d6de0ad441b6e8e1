// Package plain writes values for people: text that a terminal only shows, words
// that a shell reads as they are, sizes, ages and counts. It refuses nothing and
// imports nothing of this project.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Acts reports whether a terminal acts on the character, or the text around it
// reads otherwise than it is written. Line breaks and tabs are among them.
func Acts(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// Text returns s with a question mark in the place of each character that acts on
// a terminal, and of what is no UTF-8. Line breaks stay; a tab becomes a space.
func Text(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r != '\n' && Acts(r):
			return '?'
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "?"))
}

// Escaped returns s with each character that acts on a terminal written as JSON writes
// it, \u202e: in a JSON text it stays the same value. Line breaks and tabs stay; what is no
// UTF-8 becomes the character of such a fault.
func Escaped(s string) string {
	var b strings.Builder
	for _, r := range s { // what is no UTF-8 comes as that character
		if r == '\n' || r == '\t' || !Acts(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// Line is [Text] on a single line: a line break becomes a question mark, too. It
// shortens nothing, so a value never looks like another value that it contains.
func Line(s string) string { return strings.ReplaceAll(Text(s), "\n", "?") }

// Bounded is [Line] of the first bytes of s, at most so many. What is cut off is shown as
// " ...".
func Bounded(s string, most int) string {
	if len(s) > most {
		for !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most] + " ..."
	}
	return Line(s)
}
