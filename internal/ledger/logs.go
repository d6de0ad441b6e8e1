package ledger

import (
	"unicode/utf8"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// MostLogs bounds the lines of a container in a receipt, in bytes, line breaks included.
const MostLogs = 8000

// LastLogs returns the last of the lines, at most [MostLogs] bytes of them, in a form that
// no terminal acts on. A line that is longer alone loses its beginning.
func LastLogs(lines []string) []string {
	room, first := MostLogs, len(lines)
	kept := make([]string, len(lines))
	for i := len(lines) - 1; i >= 0; i-- {
		line := plain.Line(lines[i])
		if len(line) >= room {
			if i == len(lines)-1 {
				line = line[len(line)-room+1:]
				for !utf8.RuneStart(line[0]) {
					line = line[1:]
				}
				kept[i], first = line, i
			}
			break
		}
		room -= len(line) + 1
		kept[i], first = line, i
	}
	return kept[first:]
}
