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

func printStatus(v view, s overview.Status) error {
	v.now = s.At
	p := terminal.NewPrinter(v.out)
	for _, h := range s.Hosts {
		if h.Reachable {
			p.Field("host", "%s %s, agent %s", terminal.Mark(true), h.Name, h.Version)
		} else {
			p.Field("host", "%s %s does not answer", terminal.Mark(false), h.Name)
		}
	}
	if r := s.Registry; r != nil {
		p.Field("registry", "%s %s: %s", terminal.Mark(r.OK), r.Decision, beside(r.Summary))
	}
	for _, r := range s.Runs {
		p.Field("running", "%s", beside(v.runWords(r)))
	}
	for _, i := range s.Interrupted {
		p.Field("interrupted", "%s %s", terminal.Warn().Render("!"), beside(fmt.Sprintf("%s %s to %s (%s)", i.Service, i.Env, v.commit(i.Commit), i.Holder)))
		p.Field("", "reverted at %s; now by `%s`", plain.Clock(i.Deadline), remedy.Line(fault.Recover))
	}
	if err := v.printLive(p, s); err != nil {
		return err
	}
	return printUnasked(v.out, s.Unasked)
}

// runWords describes a run that goes on.
func (v view) runWords(r overview.Run) string {
	if r.ID == "" {
		return fmt.Sprintf("%s %s: %s", r.Service, r.Env, r.Holder)
	}
	doing := r.Text
	if r.Total > 0 {
		doing = fmt.Sprintf("%s of %s", plain.Size(r.Done), plain.Size(r.Total))
	}
	return fmt.Sprintf("%s %s to %s, %d s: %s %s (%s)", r.Service, r.Env, v.commit(r.Commit), int(v.now.Sub(r.Started).Seconds()), plain.Label(r.Point), doing, r.Holder)
}

// printLive writes a line for each service that is or was live, and what is to be known
// of it below.
func (v view) printLive(p *terminal.Printer, s overview.Status) error {
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
			since, who = v.age(l.Proven.Since), v.bounded(l.Proven.Who, 14)
		}
		lines = append(lines, []string{l.Service, l.Env.String(), v.liveWord(l), string(l.State), since, who})
		notes = append(notes, liveNotes(l))
	}
	var table bytes.Buffer
	if err := terminal.Table(&table, []string{"SERVICE", "ENV", "LIVE", "STATE", "PROVEN", "BY"}, lines); err != nil {
		return err
	}
	notes = append([][]string{nil}, notes...) // the head has none
	for i, line := range strings.Split(strings.TrimSuffix(table.String(), "\n"), "\n") {
		p.Line("%s", line)
		for _, note := range notes[i] {
			p.Line("  %s", note)
		}
	}
	if len(none) > 0 {
		p.Line("%s", terminal.Faint().Render(terminal.Wrap("never deployed: "+strings.Join(none, ", "), 80)))
	}
	return p.Err
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
		notes = append(notes, strings.Split(terminal.Wrap(l.Running.Text, 78), "\n")...)
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

// beside breaks a sentence into lines that fit beside a field's name in 80 columns.
func beside(s string) string { return terminal.Wrap(s, 60) }
