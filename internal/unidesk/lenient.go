package unidesk

import "encoding/json"

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
