package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"regexp"
	"strings"
)

var percent = regexp.MustCompile("%[0-9A-F]{2}")

// leak prints a secret in the ways that programs do by accident, a line each but for
// two that are wrapped.
func leak(w io.Writer, secret string) {
	inJSON := func(v string) string { b, _ := json.Marshal(v); return string(b) } // of a string it never fails
	half, encoded := len(secret)/2, base64.StdEncoding.EncodeToString([]byte(secret))
	for _, form := range [][2]string{
		{"Go's quotes", fmt.Sprintf("%+q", secret)},
		{"Go's bytes", fmt.Sprintf("%d", []byte(secret))},
		{"JSON in JSON", inJSON(inJSON(secret))},
		{"a header", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("service:"+secret))},
		{"lines of base64", encoded[:len(encoded)/2] + "\n" + encoded[len(encoded)/2:]},
		{"a query", percent.ReplaceAllStringFunc(url.QueryEscape(secret), strings.ToLower)},
		{"a page", html.EscapeString(secret)},
		{"upper case", strings.ToUpper(secret)},
		{"hex", strings.ReplaceAll(fmt.Sprintf("% x", secret), " ", ":")},
		{"a URL", "postgres://service:" + url.PathEscape(secret) + "@db/service"},
		{"two lines", secret[:half] + "\n    " + secret[half:]},
		{"a cut line", secret[:len(secret)*3/4]},
	} {
		_, _ = fmt.Fprintf(w, "leaked as %s: %s\n", form[0], form[1])
	}
}
