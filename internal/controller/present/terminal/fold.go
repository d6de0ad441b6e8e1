package terminal

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// columns returns how long a line of a writer may be: as the terminal is wide, or as COLUMNS has
// it. 0 means any length: a line of a file or a pipe stays whole.
func columns(out io.Writer) int {
	if f, ok := unfitted(out).(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	width, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	return max(0, width)
}

// least is the width below which folding leaves a word on each line.
const least = 20

// fold breaks each line of a value at blanks, so that it takes at most width columns. A line with
// a longer word stays whole, and so does a line to type: a person copies both.
func fold(s string, width int) string {
	if width < least {
		return s
	}
	const hyphen, blank = "\u2011", "\u00a0" // at which Wordwrap does not break
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		long := func(word string) bool { return ansi.StringWidth(word) > width }
		if !long(line) || strings.HasPrefix(line, "unidesk-controller ") || slices.ContainsFunc(strings.Fields(line), long) {
			continue
		}
		line = fitting.ReplaceAllStringFunc(line, func(typed string) string { return strings.ReplaceAll(typed, " ", blank) })
		line = ansi.Wordwrap(strings.ReplaceAll(line, "-", hyphen), width, "")
		lines[i] = strings.NewReplacer(hyphen, "-", blank, " ").Replace(line)
	}
	return strings.Join(lines, "\n")
}
