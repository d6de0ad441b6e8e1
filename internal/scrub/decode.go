package scrub

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// depth is how many escapes may be around each other, as in JSON within JSON.
const depth = 4

// decodings calls see with the text as it stands and in each decoding.
func decodings(text string, see func(view)) {
	unescaped(of(text), func(v view) {
		see(v)
		for offset := range 4 {
			unescaped(base64(v, offset), see)
		}
		for offset := range 2 {
			unescaped(hex(v, offset), see)
		}
		unescaped(decimal(v), see)
	})
}

// unescaped calls see with a view, and with what is left of it after each escape.
func unescaped(v view, see func(view)) {
	for range depth + 1 {
		see(v)
		next := unescape(v)
		if len(next.text) == len(v.text) {
			return
		}
		v = next
	}
}

// unescape undoes the escapes of JSON, Go, C and shells, of URLs and of HTML.
func unescape(v view) view {
	out := sized(len(v.text))
	for i := 0; i < len(v.text); {
		said, n := escaped(v.text[i:])
		for _, b := range []byte(said) {
			out.add(b, v, i, i+n)
		}
		i += n
	}
	return out
}

// escaped returns what the n bytes at the beginning of b mean.
func escaped(b []byte) (said string, n int) {
	switch {
	case b[0] == '%':
		if c, ok := number(b, 1, 2, 16); ok {
			return string([]byte{byte(c)}), 3
		}
	case b[0] == '&':
		if end := bytes.IndexByte(b[:min(len(b), 12)], ';'); end > 0 {
			if entity := string(b[:end+1]); html.UnescapeString(entity) != entity {
				return html.UnescapeString(entity), end + 1
			}
		}
	case b[0] == '\\' && len(b) > 1:
		return backslash(b)
	}
	return string(b[:1]), 1
}

func backslash(b []byte) (said string, n int) {
	switch c := b[1]; {
	case c == 'u':
		if r, ok := number(b, 2, 4, 16); ok {
			if low, ok := number(b, 8, 4, 16); ok && utf16.IsSurrogate(rune(r)) && b[6] == '\\' && b[7] == 'u' {
				return string(utf16.DecodeRune(rune(r), rune(low))), 12
			}
			return string(rune(r)), 6
		}
	case c == 'U':
		if r, ok := number(b, 2, 8, 16); ok && r <= utf8.MaxRune {
			return string(rune(r)), 10
		}
	case c == 'x':
		if r, ok := number(b, 2, 2, 16); ok {
			return string([]byte{byte(r)}), 4
		}
	case '0' <= c && c <= '3':
		if r, ok := number(b, 1, 3, 8); ok {
			return string([]byte{byte(r)}), 4
		}
	default:
		if i := strings.IndexByte("abfnrtv", c); i >= 0 {
			return "\a\b\f\n\r\t\v"[i : i+1], 2
		}
		return string(b[1:2]), 2
	}
	return string(b[:1]), 1
}

// number returns the number of that many digits at an index of b.
func number(b []byte, at, digits, base int) (n int, ok bool) {
	if len(b) < at+digits {
		return 0, false
	}
	for _, c := range b[at : at+digits] {
		d := digit(c)
		if d >= base {
			return 0, false
		}
		n = n*base + d
	}
	return n, true
}

// digit returns the value of a digit of any base to 16, and 16 of what is none.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return 16
}

// base64 decodes the text as base64 of either alphabet that begins at an offset of four.
// Blanks and line breaks in it do not count: it may be wrapped. What is no base64 ends a
// part of it, and the next begins anew.
func base64(v view, offset int) view {
	return decoded(v, 6, offset, func(i int) (bits, int) {
		switch b := v.text[i]; {
		case 'A' <= b && b <= 'Z':
			return bits(b - 'A'), 1
		case 'a' <= b && b <= 'z':
			return bits(b - 'a' + 26), 1
		case '0' <= b && b <= '9':
			return bits(b - '0' + 52), 1
		case b == '+', b == '-':
			return 62, 1
		case b == '/', b == '_':
			return 63, 1
		case b <= ' ':
			return blank, 1
		}
		return other, 1
	})
}

// hex decodes the text as hexadecimal digits that begin at an offset of two. Blanks,
// colons, commas, dashes and 0x between them do not count.
func hex(v view, offset int) view {
	return decoded(v, 4, offset, func(i int) (bits, int) {
		switch b := v.text[i]; {
		case b == '0' && i+1 < len(v.text) && v.text[i+1] == 'x':
			return blank, 2
		case digit(b) < 16:
			return bits(digit(b)), 1
		case b <= ' ', b == ':', b == ',', b == '-':
			return blank, 1
		}
		return other, 1
	})
}

// bits are the value of a digit.
type bits int

const (
	blank bits = -1 // has no value, and is passed over
	other bits = -2 // is no digit
)

// decoded reads digits of that many bits each, the most significant bits first, but for
// the first of a part, whose number is offset. read returns what stands at an index, and
// how many bytes it takes.
func decoded(v view, each, offset int, read func(i int) (bits, int)) view {
	out := sized(len(v.text) * each / 8)
	skip, held, have, from := offset, 0, 0, 0
	for i, n := 0, 0; i < len(v.text); i += n {
		var d bits
		switch d, n = read(i); {
		case d == blank:
			continue
		case d == other:
			if last := len(out.at) - 1; last >= 0 && v.text[i] == '=' && each == 6 {
				out.at[last].to = v.at[i].to // the padding goes with its value
			}
			skip, held, have = offset, 0, 0
			continue
		case skip > 0:
			skip--
			continue
		}
		if have == 0 {
			from = i
		}
		held, have = held<<each|int(d), have+each
		if have >= 8 {
			have -= 8
			out.add(byte(held>>have), v, from, i+n)
			held &= 1<<have - 1
			from = i
		}
	}
	return out
}

// decimal decodes lists of bytes, as 104 105 or [104, 105].
func decimal(v view) (out view) {
	for i := 0; i < len(v.text); i++ {
		n, b := 0, 0
		for n < 3 && i+n < len(v.text) && digit(v.text[i+n]) < 10 {
			b = 10*b + digit(v.text[i+n])
			n++
		}
		if n > 0 && b <= 0xff {
			out.add(byte(b), v, i, i+n)
		}
		i += max(n-1, 0)
	}
	return out
}
