package terminal

import (
	"io"
	"os"
	"regexp"
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

// quoted is a line to type within a sentence.
var quoted = regexp.MustCompile("`[^`\n]+`")

// typed is a command from its program to the end of the line, if it begins the line or stands
// behind a colon, a semicolon or "then".
var typed = regexp.MustCompile(`(?m)(^|: |; |, then )(\(?(?:apt|apt-get|cat|cd|chgrp|chmod|chown|cp|docker|echo|findmnt|git|iconv|journalctl|k3s|kubectl|ls|mv|` +
	`printf|rm|ss|ssh|ssh-keygen|sudo|systemctl|timedatectl|umask|unidesk-agent|unidesk-controller|user(?:add|mod)) .*)$`)

// hyphen and blank stand for those while a text is folded, and no line is broken at them.
const hyphen, blank = "\ue02d", "\ue020"

// fold breaks text at blanks into lines of at most width columns. A longer word is a line of its
// own. A path, a name with a hyphen and what is in backticks stay whole: a person copies them.
func fold(s string, width int) string {
	if width >= least {
		s = quoted.ReplaceAllStringFunc(s, unbroken)
		s = ansi.Wordwrap(strings.ReplaceAll(s, "-", hyphen), width, "")
	}
	return strings.NewReplacer(hyphen, "-", blank, " ").Replace(s)
}

// unbroken returns a text that fold does not break.
func unbroken(s string) string { return strings.ReplaceAll(s, " ", blank) }

// commands returns a text of whose commands fold breaks none.
func commands(s string) string {
	return typed.ReplaceAllStringFunc(s, func(line string) string {
		parts := typed.FindStringSubmatch(line)
		return parts[1] + unbroken(parts[2])
	})
}
