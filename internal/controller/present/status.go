package present

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// Status answers with the overview.
func Status(s overview.Status) Answer {
	exit := ExitOK
	switch {
	case len(s.Unasked) > 0:
		exit = ExitFailed
	case !s.OK:
		exit = ExitDegraded
	}
	return answer(exit, s, printStatus)
}

// Live prints answers, each in the place of the one before: on a terminal it clears the
// screen, elsewhere a text follows when it differs, and JSON is a line for each.
type Live struct {
	out  io.Writer
	form string
	last string
}

// NewLive prints to out, in the form "json" or as text.
func NewLive(out io.Writer, form string) *Live { return &Live{out: out, form: form} }

// Print prints the next answer.
func (l *Live) Print(a Answer) error {
	if l.form == "json" {
		e := json.NewEncoder(l.out)
		e.SetEscapeHTML(false)
		return e.Encode(a.value)
	}
	if f, ok := unfitted(l.out).(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if _, err := io.WriteString(f, "\x1b[H\x1b[2J\x1b[3J"); err != nil {
			return err
		}
		return a.Print(l.out, l.form)
	}
	var text bytes.Buffer
	if err := a.Print(&text, l.form); err != nil || text.String() == l.last {
		return err
	}
	if l.last != "" {
		fmt.Fprintln(l.out)
	}
	l.last = text.String()
	_, err := io.WriteString(l.out, l.last)
	return err
}

func printStatus(out io.Writer, s overview.Status) error {
	p := &printer{out: out}
	for _, h := range s.Hosts {
		if h.Reachable {
			p.field("host", "%s %s, agent %s", mark(true), h.Name, h.Version)
		} else {
			p.field("host", "%s %s does not answer", mark(false), h.Name)
		}
	}
	if r := s.Registry; r != nil {
		p.field("registry", "%s %s: %s", mark(r.OK), r.Decision, wrapped(r.Summary))
	}
	for _, r := range s.Runs {
		p.field("running", "%s %s: %s", r.Service, r.Env, r.Holder)
	}
	for _, i := range s.Interrupted {
		p.field("interrupted", "%s %s %s to %s (%s)", warn().Render("!"), i.Service, i.Env, i.Commit.Short(), i.Holder)
		p.field("", "rolled back at %s; now by `%s`", i.Deadline.Format(time.TimeOnly+"Z"), remedy.Line(fault.Recover))
	}
	if p.err != nil {
		return p.err
	}
	if err := printLive(out, s); err != nil {
		return err
	}
	return printUnasked(out, s.Unasked)
}

// printLive writes a line for each service that is or was live, and what is to be known
// of it below.
func printLive(out io.Writer, s overview.Status) error {
	var lines [][]string
	var notes [][]string
	var none []string
	for _, l := range s.Services {
		if l.State == overview.None {
			none = append(none, l.Service+" "+l.Env.String())
			continue
		}
		since, who := "-", "-"
		if l.Proven != nil {
			since, who = plain.Age(s.At, l.Proven.Since), plain.Bounded(l.Proven.Who, 16)
		}
		lines = append(lines, []string{l.Service, l.Env.String(), liveWord(l), string(l.State), since, who})
		notes = append(notes, liveNotes(l))
	}
	if len(lines) > 0 {
		var table bytes.Buffer
		if err := rows(&table, []string{"SERVICE", "ENV", "LIVE", "STATE", "PROVEN", "BY"}, lines); err != nil {
			return err
		}
		row := -1
		for line := range strings.Lines(table.String()) {
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
			if row >= 0 {
				for _, note := range notes[row] {
					if _, err := fmt.Fprintln(out, "  "+indentBy(2, note)); err != nil {
						return err
					}
				}
			}
			row++
		}
	}
	if len(none) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(out, faint().Render("never deployed: "+wrapped(strings.Join(none, ", "))))
	return err
}

// liveWord is the commit that runs; with a question mark it is the commit proven last,
// because the host did not answer.
func liveWord(l overview.Live) string {
	switch {
	case l.Commit != "":
		return short(l.Commit)
	case l.State == overview.Unknown && l.Proven != nil:
		return l.Proven.Commit.Short() + "?"
	}
	return "-"
}

func liveNotes(l overview.Live) (notes []string) {
	wrong := []overview.State{overview.Down, overview.Drifted, overview.Unconfirmed}
	if slices.Contains(wrong, l.State) && l.Seen != "" {
		notes = append(notes, wrapped(l.Seen))
	}
	if l.State == overview.Drifted && l.Proven != nil {
		notes = append(notes, "proven was "+l.Proven.Commit.String())
	}
	if l.Wanted != "" && l.Commit != "" && l.Wanted != l.Commit {
		notes = append(notes, "deploy.json wants "+l.Wanted)
	}
	if l.Newer != nil && *l.Newer > 0 {
		notes = append(notes, plain.Count(*l.Newer, "newer commit")+" published")
	}
	return notes
}

func indentBy(n int, s string) string {
	return strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", n))
}
