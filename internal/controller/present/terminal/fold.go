package terminal

import (
	"io"
	"os"
	"regexp"
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
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		long := func(word string) bool { return ansi.StringWidth(word) > width }
		if !long(line) || strings.HasPrefix(line, "unidesk-controller ") || slices.ContainsFunc(strings.Fields(line), long) {
			continue
		}
		lines[i] = Wrap(line, width)
	}
	return strings.Join(lines, "\n")
}

// fitting is a line to type that fits beside a field's name.
var fitting = regexp.MustCompile("`[^`\n]{1,81}`")

// Wrap breaks a sentence at blanks into lines of at most width columns. A path, a name with a
// hyphen, a longer word and a line to type stay whole, so that a person can copy them.
func Wrap(s string, width int) string {
	const hyphen, blank = "\u2011", "\u00a0" // at which Wordwrap does not break
	s = fitting.ReplaceAllStringFunc(s, func(typed string) string { return strings.ReplaceAll(typed, " ", blank) })
	s = ansi.Wordwrap(strings.ReplaceAll(s, "-", hyphen), width, "")
	return strings.NewReplacer(hyphen, "-", blank, " ").Replace(s)
}
