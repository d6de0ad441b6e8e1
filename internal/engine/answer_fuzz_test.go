package engine

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// FuzzAnAnswerIsReadToItsEnd: a load has not succeeded if its answer reports a failure
// or was cut off, anywhere; and how the bytes come does not matter.
func FuzzAnAnswerIsReadToItsEnd(f *testing.F) {
	for _, s := range []string{
		"", `{"stream":"Loaded image: x:1\n"}`, `{"stream":"Loaded image ID: sha256:00\n"}` + "\r\n", `{"status":"Loading layer","progressDetail":{"current":1,"total":2},"id":"a"}`,
		`{"stream":"Loaded image: x:1\nLoaded image: y:1\n"}{"errorDetail":{"message":"m"},"error":"no space left on device"}`,
		`{"error":"invalid diffID for layer 0"}`, `{"stream":"Error unpacking image x: boom"}`, `{"stream":"Loaded`, "null", "[]", `"x"`, "{}{}", `{"stream":7}`, "\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		alive := 0
		loaded, err := readAnswer(bytes.NewReader(answer), func(line) { alive++ })
		slow, errSlow := readAnswer(iotest.OneByteReader(bytes.NewReader(answer)), func(line) {})
		if strings.Join(loaded.References, "|") != strings.Join(slow.References, "|") || (err == nil) != (errSlow == nil) {
			t.Errorf("%q: %+v, %v at once, %+v, %v byte by byte", answer, loaded, err, slow, errSlow)
		}
		if r := fault.ReasonOf(err); err != nil && r != fault.EngineFailed && r != fault.DiskFull && r != fault.DigestMismatch && r != fault.Internal {
			t.Errorf("%q: %s", answer, r)
		}
		for _, name := range loaded.References {
			if name == "" || strings.Contains(name, "\n") {
				t.Errorf("%q: name %q", answer, name)
			}
		}
		// Judged again, by what an answer is: a sequence of JSON values.
		whole, failed := true, false
		dec := json.NewDecoder(bytes.NewReader(answer))
		n := 0
		for dec.More() {
			var v struct{ Stream, Error string }
			if dec.Decode(&v) != nil {
				whole = false
				break
			}
			n++
			failed = failed || v.Error != ""
		}
		if err == nil && (!whole || failed || alive != n) {
			t.Errorf("%q: %d lines, alive %d times, whole %t, failed %t, and no error", answer, n, alive, whole, failed)
		}
		cut := append(bytes.Clone(answer), `{"stream":"Loa`...)
		if _, err := readAnswer(bytes.NewReader(cut), func(line) {}); err == nil {
			t.Errorf("%q, cut off, is a success", cut)
		}
		bad := append(bytes.Clone(answer), `{"error":"no"}`...)
		if _, err := readAnswer(bytes.NewReader(bad), func(line) {}); err == nil {
			t.Errorf("%q, with an error at its end, is a success", bad)
		}
	})
}
