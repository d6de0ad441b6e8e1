package k3s

import (
	"bytes"
	"time"
)

// maxLog bounds the output of a container that is returned.
const maxLog = 64 << 10

// untimed takes the time off each line, and leaves out the lines until after. It returns
// at most maxLog bytes, and the time of the last line, after if there is none.
func untimed(raw []byte, after time.Time) (out []byte, until time.Time) {
	until = after
	for line := range bytes.Lines(raw) {
		stamp, text, _ := bytes.Cut(line, []byte(" "))
		at, err := time.Parse(time.RFC3339Nano, string(stamp))
		switch {
		case err != nil && !after.IsZero():
			continue // the kubelet's own words, each time
		case err != nil:
			text = line
		case !at.After(after):
			continue
		default:
			until = at
		}
		out = append(out, text...)
	}
	if len(out) > maxLog {
		_, out, _ = bytes.Cut(out[len(out)-maxLog:], []byte("\n")) // not a part of a line
	}
	return out, until
}
