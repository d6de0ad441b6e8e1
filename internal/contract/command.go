package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Placeholder is a word of a command that is still to be filled in.
type Placeholder string

// The placeholders. A shell takes FILE as it is.
const (
	// PreviousCommit stands for a commit that a contract cannot know.
	PreviousCommit Placeholder = "<previous-full-sha>"
	// AnyCommit stands for a commit that the person chooses.
	AnyCommit Placeholder = "<full-sha>"
	// GrantFile stands for the file of a grant.
	GrantFile Placeholder = "FILE"
)

// Command is a line to type. The zero value is no command.
type Command struct{ words []word }

// word is a text or a placeholder.
type word struct {
	text    string
	missing Placeholder
}

// Words makes a command of words. A word that is spelled as a placeholder is a placeholder.
func Words(words ...string) (c Command) {
	for _, w := range words {
		switch p := Placeholder(w); p {
		case PreviousCommit, AnyCommit, GrantFile:
			c.words = append(c.words, word{missing: p})
		default:
			c.words = append(c.words, word{text: w})
		}
	}
	return c
}

// Form makes a command of a usage line. The whole line is a placeholder.
func Form(line string) Command { return Command{[]word{{missing: Placeholder(line)}}} }

// With returns the command with value in place of each p.
func (c Command) With(p Placeholder, value string) Command {
	words := slices.Clone(c.words)
	for i, w := range words {
		if w.missing == p {
			words[i] = word{text: value}
		}
	}
	return Command{words}
}

// And returns the command with words added at its end. It reads none as a placeholder.
func (c Command) And(words ...string) Command {
	all := slices.Clone(c.words)
	for _, w := range words {
		all = append(all, word{text: w})
	}
	return Command{all}
}

// Complete reports whether the line can be typed as it is.
func (c Command) Complete() bool {
	return !c.IsZero() && !slices.ContainsFunc(c.words, func(w word) bool { return w.missing != "" })
}

// Equal reports whether both are the same line.
func (c Command) Equal(o Command) bool { return slices.Equal(c.words, o.words) }

// IsZero reports whether there is no command.
func (c Command) IsZero() bool { return len(c.words) == 0 }

// String returns the line, quoted for a shell; placeholders stand as they are.
func (c Command) String() string {
	words := make([]string, len(c.words))
	for i, w := range c.words {
		if words[i] = string(w.missing); w.missing == "" {
			words[i] = plain.Quote(w.text)
		}
	}
	return strings.Join(words, " ")
}

// MarshalText implements [encoding.TextMarshaler]: a command is its line.
func (c Command) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] for lines that String made.
func (c *Command) UnmarshalText(line []byte) (err error) {
	*c, err = ParseCommand(string(line))
	return err
}

// ParseCommand reads a line that String made.
func ParseCommand(line string) (Command, error) {
	var words []string
	var w strings.Builder
	in, quoted, escaped := false, false, false
	for _, r := range line {
		switch {
		case escaped:
			w.WriteRune(r)
			escaped = false
		case r == '\'':
			in, quoted = true, !quoted
		case quoted:
			w.WriteRune(r)
		case r == '\\':
			in, escaped = true, true
		case r == ' ':
			if in {
				words = append(words, w.String())
				w.Reset()
			}
			in = false
		default:
			in = true
			w.WriteRune(r)
		}
	}
	if quoted || escaped {
		return Command{}, fmt.Errorf("%q: a quote is open, want a line for a shell", line)
	}
	if in {
		words = append(words, w.String())
	}
	return Words(words...), nil
}

// nextError is an error with the command to type next.
type nextError struct {
	error
	next Command
}

func (e *nextError) Unwrap() error { return e.error }

// Next returns err with the command to type next, for [Refused].
func Next(err error, next Command) error { return &nextError{err, next} }

// nextOf returns the command that err bears, or no command.
func nextOf(err error) Command {
	if e := (*nextError)(nil); errors.As(err, &e) {
		return e.next
	}
	return Command{}
}
