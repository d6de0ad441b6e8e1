package present

import (
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// The forms of an answer, as -o names them.
const (
	Text = "text"
	Wide = "wide"
	JSON = "json"
)

// Forms returns all forms.
func Forms() []string { return []string{Text, Wide, JSON} }

// View is the text of an answer as it is wanted: in 80 columns, or wide, with whole commits,
// exact times, and no line cut.
type View struct {
	Out  io.Writer
	Now  time.Time
	Wide bool
}

// commit returns a commit, short unless the view is wide.
func (v View) commit(c artifact.Commit) string {
	if v.Wide {
		return c.String()
	}
	return c.Short()
}

// digest returns a digest, in short form unless the view is wide.
func (v View) digest(d artifact.Digest) string {
	if v.Wide {
		return d.String()
	}
	return d.Hex()[:12]
}

// short is commit for a commit as a host shows it, which may be anything.
func (v View) short(commit string) string {
	if v.Wide && commit != "" {
		return commit
	}
	return short(commit)
}

// ago returns how long ago a time was; if the view is wide, the time.
func (v View) ago(then time.Time) string {
	if v.Wide && !then.IsZero() {
		return then.UTC().Format(time.RFC3339)
	}
	return plain.Ago(v.Now, then)
}

// age is ago without the word.
func (v View) age(then time.Time) string {
	if v.Wide && !then.IsZero() {
		return then.UTC().Format(time.RFC3339)
	}
	return plain.Age(v.Now, then)
}

// cut returns the beginning of a text that takes so many columns; if the view is wide, the text.
func (v View) cut(text string, columns int) string {
	if v.Wide {
		return text
	}
	return terminal.Cut(text, columns)
}

// bounded is cut for a word, which is not cut in its middle.
func (v View) bounded(word string, most int) string {
	if v.Wide {
		return plain.Line(word)
	}
	return plain.Bounded(word, most)
}

// couples writes rows of two lines each.
func (v View) couples(rows [][]string) error { return terminal.Couples(v.Out, rows, v.Wide) }
