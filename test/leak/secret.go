// Package leak is test support: it makes secrets to be planted where the product
// reads them, and finds them again in whatever came out of it, plain and in the
// forms that encoders give them. Text is searched as the product's scrubber does, and all
// else for the forms that are made here, apart from it.
package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
)

// Secret is a value that was put somewhere, in every form in which it could come
// out again.
type Secret struct {
	// Name is where it was put, Value is what.
	Name, Value string
	forms       map[string][]byte
	scrubber    scrub.Scrubber
}

// NewSecret makes a value that nothing else on this machine holds. A value with odd
// characters in it looks another way in each encoding.
func NewSecret(name, odd string) Secret {
	return Known(name, fmt.Sprintf("cnry%016x%s%08x", rand.Uint64(), odd, rand.Uint32()))
}

// Known is a value that stands there already.
func Known(name, value string) Secret {
	s := Secret{Name: name, Value: value, scrubber: scrub.New([]string{value})}
	v := []byte(s.Value)
	s.forms = map[string][]byte{
		"raw": v, "JSON": inJSON(s.Value, false), "JSON for HTML": inJSON(s.Value, true), "HTML": []byte(html.EscapeString(s.Value)),
		"query": []byte(url.QueryEscape(s.Value)), "path": []byte(url.PathEscape(s.Value)), "Go": []byte(strings.Trim(strconv.Quote(s.Value), `"`)),
		"hex": []byte(hex.EncodeToString(v)), "upper-case hex": []byte(strings.ToUpper(hex.EncodeToString(v))),
		"bytes": []byte(strings.Trim(fmt.Sprintf("%d", v), "[]")),
	}
	// In the middle of a longer text a value has one of three base64 forms, but for the
	// characters that it shares with its neighbours. Of a short value too little is
	// left to distinguish it from other text.
	for shift := range 3 {
		if len(v) < 12 {
			break
		}
		padded := append(make([]byte, shift), v...)
		padded = padded[:len(padded)/3*3]
		for form, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "URL base64": base64.RawURLEncoding} {
			s.forms[fmt.Sprintf("%s, shifted by %d", form, shift)] = []byte(encoding.EncodeToString(padded)[4:])
		}
	}
	return s
}

// inJSON is a value as it stands between the quotation marks.
func inJSON(value string, forHTML bool) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(forHTML)
	_ = e.Encode(value) // of a string it never fails
	return bytes.Trim(bytes.TrimSpace(b.Bytes()), `"`)
}

// Forms returns what to look for if another program searches, each in a line of its
// own.
func (s Secret) Forms() (lines []byte) {
	for _, form := range s.forms {
		lines = append(append(lines, form...), '\n')
	}
	return lines
}
