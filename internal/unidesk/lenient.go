package unidesk

import (
	"bytes"
	"encoding/json"
	"path/filepath"
)

// in is where a file of the UniDesk root is: a relative path is relative to it.
func in(root, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(root, path)
}

// twice returns a key that an object has more than once, "" when it has none. A decoder
// would take the last of them without an error.
func twice(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return ""
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return ""
		}
		if seen[name] {
			return name
		}
		seen[name] = true
	}
	return ""
}

// object is JSON of which any part may be anything.
type object map[string]json.RawMessage

// objectOf returns nil for what is no object.
func objectOf(raw json.RawMessage) (o object) {
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

// text returns the first of the keys that holds a string which is of use.
func (o object) text(use func(string) bool, keys ...string) string {
	for _, key := range keys {
		var s string
		if json.Unmarshal(o[key], &s) == nil && use(s) {
			return s
		}
	}
	return ""
}

// anything is of use that is not empty.
func anything(s string) bool { return s != "" }
