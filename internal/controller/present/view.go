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

// view is the text of an answer as it is wanted: as wide as the terminal, or wide, with whole
// commits, exact times, and no line cut.
type view struct {
	out  io.Writer
	now  time.Time
	wide bool
}

// commit returns a commit, short unless the view is wide.
func (v view) commit(c artifact.Commit) string {
	if v.wide {
		return c.String()
	}
	return c.Short()
}

// digest returns a digest, in short form unless the view is wide.
func (v view) digest(d artifact.Digest) string {
	if v.wide {
		return d.String()
	}
	return d.Hex()[:12]
}

// short is commit for a commit as a host shows it, which may be anything.
func (v view) short(commit string) string {
	if v.wide && commit != "" {
		return commit
	}
	return short(commit)
}

// ago returns how long ago a time was; if the view is wide, the time.
func (v view) ago(then time.Time) string {
	if v.wide && !then.IsZero() {
		return then.UTC().Format(time.RFC3339)
	}
	return plain.Ago(v.now, then)
}

// age is ago without the word.
func (v view) age(then time.Time) string {
	if v.wide && !then.IsZero() {
		return then.UTC().Format(time.RFC3339)
	}
	return plain.Age(v.now, then)
}

// printer writes what the view shows.
func (v view) printer() *printer {
	if v.wide {
		return &printer{terminal.Unfitted(v.out)}
	}
	return newPrinter(v.out)
}

// couples writes rows of two lines each.
func (v view) couples(rows [][]string) error {
	p := v.printer()
	p.Couples(rows)
	return p.Err
}
