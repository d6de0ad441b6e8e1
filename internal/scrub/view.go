package scrub

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// span is a part of the text.
type span struct{ from, to int }

// view is the text in a decoding: each byte of it, and the part of the text that it comes from.
type view struct {
	text []byte
	at   []span
}

func of(text string) view {
	v := view{text: []byte(text), at: make([]span, len(text))}
	for i := range v.at {
		v.at[i] = span{i, i + 1}
	}
	return v
}

// sized returns an empty view with room for that many bytes.
func sized(n int) view { return view{text: make([]byte, 0, n), at: make([]span, 0, n)} }

// add puts a byte at the end, which comes from the bytes between from and to of another view.
func (v *view) add(b byte, of view, from, to int) {
	v.text, v.at = append(v.text, b), append(v.at, span{of.at[from].from, of.at[to-1].to})
}

func (v view) span(from, to int) span { return span{v.at[from].from, v.at[to-1].to} }

// fold leaves out what programs put into a value or take out of it: blanks, line breaks,
// quotes, backslashes, the plus that a query has for a blank, and case.
func fold(v view) view {
	folded := sized(len(v.text))
	for i, b := range v.text {
		switch {
		case b <= ' ', b == 0x7f, strings.IndexByte("\"'\\+", b) >= 0:
			continue
		case 'A' <= b && b <= 'Z':
			b += 'a' - 'A'
		}
		folded.add(b, v, i, i+1)
	}
	return folded
}

// search calls found with the part of the text that each secret comes from.
func (v view) search(secrets []secret, found func(span)) {
	folded := fold(v)
	for _, s := range secrets {
		if s.long {
			folded.all(s.text, found)
			folded.cut(v, s.text, found)
		} else {
			v.all(s.text, found)
		}
	}
}

func (v view) all(s string, found func(span)) {
	for from := 0; ; from++ {
		i := bytes.Index(v.text[from:], []byte(s))
		if i < 0 {
			return
		}
		from += i
		found(v.span(from, from+len(s)))
	}
}

// cut finds the beginning of a secret that ends with its line, or before an ellipsis, and
// the end of a secret that begins the text. At least half of the secret must be there.
func (v view) cut(whole view, s string, found func(span)) {
	least := max(long, len(s)/2)
	if len(s) < halved {
		return
	}
	for from := 0; ; from++ {
		i := bytes.Index(v.text[from:], []byte(s[:least]))
		if i < 0 {
			break
		}
		from += i
		n := least
		for n < len(s) && from+n < len(v.text) && v.text[from+n] == s[n] {
			n++
		}
		if at := v.span(from, from+n); whole.ends(at.to) {
			found(at)
		}
	}
	if tail := s[len(s)-least:]; bytes.Contains(v.text[:min(len(v.text), len(s))], []byte(tail)) {
		end := bytes.Index(v.text, []byte(tail)) + least
		if bytes.HasSuffix([]byte(s), v.text[:end]) {
			found(v.span(0, end))
		}
	}
}

// ends reports whether a line ends at that place of the text, or is cut there.
func (v view) ends(at int) bool {
	i, _ := slices.BinarySearchFunc(v.at, at, func(s span, at int) int { return cmp.Compare(s.from, at) })
	rest := bytes.TrimLeft(v.text[i:], "\"' \t\r")
	return len(rest) == 0 || rest[0] == '\n' || bytes.HasPrefix(rest, []byte("...")) || bytes.HasPrefix(rest, []byte("…"))
}
