package envfile

import (
	"bytes"
	"slices"
	"strings"
)

// Revert returns c without the edit: for the keys of the edit the bytes that stood
// there, for anything else the bytes of c, which may have changed since. Idempotent,
// and harmless if the edit was never written.
func (u Undo) Revert(c Content) (Content, error) {
	raw := bytes.Clone(c.raw)
	for _, k := range slices.Backward(u.Keys) {
		statements, bad := scan(raw)
		if bad != nil {
			return Content{}, bad.fault("being put back")
		}
		s, ok := last(statements, k.Key)
		switch {
		case k.Had && ok:
			raw = slices.Concat(raw[:s.assign], []byte(k.Text), raw[s.end:])
		case k.Had:
			raw, _ = appendLine(raw, k.Key+"="+k.Text)
		default:
			for ; ok; s, ok = last(statements, k.Key) {
				raw = u.remove(raw, s)
				if statements, bad = scan(raw); bad != nil {
					return Content{}, bad.fault("being put back")
				}
			}
		}
	}
	return Parse("being put back", raw)
}

// remove cuts a line out, with the line break that the edit added for it.
func (u Undo) remove(raw []byte, s statement) []byte {
	from := bytes.LastIndexByte(raw[:s.start], '\n') + 1
	if strings.TrimSpace(string(raw[from:s.start])) != "" {
		// A person wrote it behind another assignment.
		return slices.Concat(raw[:s.start], raw[s.end:])
	}
	end, to := len(raw), len(raw)
	if i := bytes.IndexByte(raw[s.end:], '\n'); i >= 0 {
		end, to = s.end+i, s.end+i+1
		if end > s.end && raw[end-1] == '\r' {
			end--
		}
	}
	if u.Break != "" && bytes.HasSuffix(raw[:from], []byte(u.Break)) {
		return slices.Concat(raw[:from-len(u.Break)], raw[end:])
	}
	return slices.Concat(raw[:from], raw[to:])
}
