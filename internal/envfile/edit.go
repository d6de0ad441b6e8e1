package envfile

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Undo takes an edit back. It holds what stood for the keys of the edit and
// nothing else of the file, so it may be kept beside it.
type Undo struct {
	Keys []UndoKey `json:"keys"`
	// Break is the line break that the edit had to add before its first new line, since
	// the file did not end in a line break; else "".
	Break string `json:"break,omitempty"`
}

// UndoKey is what stood for a key.
type UndoKey struct {
	Key string `json:"key"`
	// Had is true if the file assigned it; Text is what then stood for the value, with
	// its quotation marks and the white space before it.
	Had  bool   `json:"had"`
	Text string `json:"text,omitempty"`
}

// Edit returns c with the assignments made: the last assignment of a key gets the new
// value between the quotation marks that it has, a key without an assignment gets a
// line at the end, in the order of the alphabet. Every other byte stays. Undo is valid
// before the edit is written as well as after.
func Edit(c Content, assignments map[string]string) (Content, Undo, error) {
	var undo Undo
	raw := bytes.Clone(c.raw)
	for _, key := range slices.Sorted(maps.Keys(assignments)) {
		value := assignments[key]
		if !workload.VariableKey.Match(key) || !workload.StampValue.Match(value) {
			return Content{}, Undo{}, fault.New(fault.InvalidRequest, "%q is not a key or its value is not fit for an env file", key)
		}
		// Positions move with each replacement, so they are looked for again.
		statements, bad := scan(raw)
		if bad != nil {
			return Content{}, Undo{}, bad.fault("being edited")
		}
		if s, ok := last(statements, key); ok {
			undo.Keys = append(undo.Keys, UndoKey{Key: key, Had: true, Text: string(raw[s.assign:s.end])})
			raw = replace(raw, s, value)
			continue
		}
		undo.Keys = append(undo.Keys, UndoKey{Key: key})
		var added string
		raw, added = appendLine(raw, key+"="+value)
		if undo.Break == "" {
			undo.Break = added
		}
	}
	after, err := Parse("after the edit", raw)
	if err != nil {
		return Content{}, Undo{}, err
	}
	if err := check(c, after, assignments); err != nil {
		return Content{}, Undo{}, err
	}
	return after, undo, nil
}

func last(statements []statement, key string) (statement, bool) {
	for _, s := range slices.Backward(statements) {
		if s.key == key && !s.bare {
			return s, true
		}
	}
	return statement{}, false
}

func replace(raw []byte, s statement, value string) []byte {
	switch {
	case s.quote != 0:
		value = string(s.quote) + value + string(s.quote)
	case value == "":
		// What follows on the line, a comment, would be taken for the value.
		if rest, _, _ := bytes.Cut(raw[s.end:], []byte("\n")); len(bytes.TrimSpace(rest)) > 0 {
			value = `""`
		}
	}
	if value != "" {
		value = string(raw[s.assign:s.value]) + value
	}
	return slices.Concat(raw[:s.assign], []byte(value), raw[s.end:])
}

// appendLine adds a line in the form of the file's lines: with their break, if the last
// line has a break. It returns the break that it had to put before.
func appendLine(raw []byte, line string) (out []byte, added string) {
	eol := "\n"
	if bytes.Contains(raw, []byte("\r\n")) {
		eol = "\r\n"
	}
	if len(raw) > 0 && raw[len(raw)-1] != '\n' {
		return append(raw, eol+line...), eol
	}
	return append(raw, line+eol...), ""
}

// check compares what Compose reads before and after: the keys have their new values,
// and any other key its old value. Only a value that itself refers to variables may
// follow them.
func check(before, after Content, assignments map[string]string) error {
	unsafe := fault.New(fault.EnvFileInvalid, "the env file cannot be edited without changing what else it says")
	for key, value := range assignments {
		if got, ok := after.values[key]; !ok || got != value {
			return unsafe
		}
	}
	for key, value := range after.values {
		if _, ours := assignments[key]; ours {
			continue
		}
		if had, ok := before.values[key]; ok && had == value {
			continue
		}
		s, _ := last(after.statements, key)
		if _, ok := before.values[key]; !ok || !strings.Contains(string(after.raw[s.value:s.end]), "$") {
			return unsafe
		}
	}
	for key := range before.values {
		if _, ok := after.values[key]; !ok {
			return unsafe
		}
	}
	return nil
}
