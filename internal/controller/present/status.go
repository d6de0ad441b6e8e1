package present

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
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
	return viewed(exit, s, printStatus)
}

// Live prints each answer over the answer before: on a terminal it clears the screen,
// elsewhere it prints a text that differs below, and JSON is a line for each.
type Live struct {
	out  io.Writer
	form string
	last string
}

// NewLive prints to out, in the form "json" or as text.
func NewLive(out io.Writer, form string) *Live { return &Live{out: out, form: form} }

// Print prints the next answer.
func (l *Live) Print(a Answer) error {
	if l.form == JSON {
		line, err := document.Line(a.value)
		if err == nil {
			_, err = l.out.Write(line)
		}
		return err
	}
	if cleared, err := terminal.Clear(l.out); err != nil {
		return err
	} else if cleared {
		return a.Print(l.out, l.form)
	}
	var text bytes.Buffer
	if err := a.Print(terminal.As(&text, l.out), l.form); err != nil || text.String() == l.last {
		return err
	}
	if l.last != "" {
		fmt.Fprintln(l.out)
	}
	l.last = text.String()
	_, err := io.WriteString(l.out, l.last)
	return err
}

func printStatus(v view, s overview.Status) error {
	v.now = s.At
	p := v.printer()
	for _, h := range s.Hosts {
		if h.Reachable {
			p.Field("host", "%s %s, agent %s", terminal.Mark(true), h.Name, h.Version)
		} else {
			p.Field("host", "%s %s does not answer", terminal.Mark(false), h.Name)
		}
	}
	if r := s.Registry; r != nil {
		p.Field("registry", "%s %s: %s", terminal.Mark(r.OK), r.Decision, r.Summary)
	}
	for _, r := range s.Runs {
		p.Field("running", "%s", r.Sentence(v.commit(r.Commit), v.now))
	}
	for _, i := range s.Interrupted {
		p.Field("interrupted", "%s %s", terminal.Warn().Render("!"), fmt.Sprintf("%s %s to %s (%s)", i.Service, i.Env, v.commit(i.Commit), i.Holder))
		p.Field("", "reverted at %s; now by `%s`", plain.Clock(i.Deadline), remedy.Line(fault.Recover))
	}
	v.printLive(p, s)
	if p.Err != nil {
		return p.Err
	}
	return printUnasked(v.out, s.Unasked)
}

// besideBy are the columns that the others take beside BY, with the longest names.
const besideBy = 64

// printLive writes a line for each service that is or was live, and what is to be known
// of it below.
func (v view) printLive(p *printer, s overview.Status) {
	var lines, notes [][]string
	var none []string
	for _, l := range s.Services {
		if l.State == overview.None {
			none = append(none, l.Service+" "+l.Env.String())
			continue
		}
		since, who := "-", "-"
		if l.Proven != nil {
			since, who = v.age(l.Proven.Since), p.Rest(besideBy, plain.Line(l.Proven.Who))
		}
		lines = append(lines, []string{l.Service, l.Env.String(), v.liveWord(l), string(l.State), since, who})
		notes = append(notes, liveNotes(l))
	}
	p.Table([]string{"SERVICE", "ENV", "LIVE", "STATE", "PROVEN", "BY"}, lines, notes...)
	if len(none) > 0 {
		p.Line("%s", terminal.Faint().Render("never deployed: "+strings.Join(none, ", ")))
	}
}

// liveWord is the commit that runs; with a question mark it is the commit proven last,
// because the host did not answer.
func (v view) liveWord(l overview.Live) string {
	switch {
	case l.Running.Commit != "":
		return v.short(l.Running.Commit)
	case l.State == overview.Unknown && l.Proven != nil:
		return v.commit(l.Proven.Commit) + "?"
	}
	return "-"
}

func liveNotes(l overview.Live) (notes []string) {
	wrong := []overview.State{overview.Down, overview.Drifted, overview.Unconfirmed}
	if slices.Contains(wrong, l.State) && l.Running.Text != "" {
		notes = append(notes, l.Running.Text)
	}
	if l.State == overview.Drifted && l.Proven != nil {
		notes = append(notes, "proven was "+l.Proven.Commit.String())
	}
	if l.Wanted != "" && l.Running.Commit != "" && l.Wanted != l.Running.Commit {
		notes = append(notes, "deploy.json wants "+l.Wanted)
	}
	if l.Newer != nil && *l.Newer > 0 {
		notes = append(notes, plain.Count(*l.Newer, "newer commit")+" published")
	}
	return notes
}
