package present

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Attempts answers with attempts, those beside which others could not be read if unread.
func Attempts(list []inventory.Attempt, unread bool) Answer {
	return viewedList(list, unread, printAttempts)
}

// printAttempts writes two lines for each attempt: what it came to, of what, when and by
// whom; and the id of its run, and why it failed or else the command.
func printAttempts(v view, list []inventory.Attempt) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(v.out, "no attempt yet: a command that is to change a service makes one")
		return err
	}
	rows := [][]string{{"CAME TO", "SERVICE", "ENV", "COMMIT", "WHEN", "WHO"}, {"  RUN", "WHY IT FAILED, OR COMMAND"}}
	for _, one := range list {
		why, _, _ := strings.Cut(cmp.Or(one.Failure, one.Command), "\n")
		rows = append(rows,
			[]string{cameTo(one), one.Service.String(), one.Env.String(), v.commit(one.Commit), v.ago(one.Started), one.Who},
			[]string{"  " + one.Run, why})
	}
	return v.couples(rows)
}

// cameTo is how an attempt ended, or the point that it has reached.
func cameTo(a inventory.Attempt) string {
	switch {
	case a.State != journal.Ended:
		return string(a.State) + " at " + cmp.Or(plain.Label(a.Point), "its beginning")
	case a.Reason != "":
		return plain.Label(a.Outcome) + " (" + string(a.Reason) + ")"
	}
	return plain.Label(a.Outcome)
}

// RunLog is what logs --run answers. docs/output.md describes its JSON.
type RunLog struct {
	OK    bool           `json:"ok"`
	Run   journal.Run    `json:"run"`
	Lines []journal.Line `json:"lines"`
}

// Run answers with a run and its lines.
func Run(run journal.Run, lines []journal.Line) Answer {
	return NewAnswer(ExitOK, RunLog{true, run, lines}, func(out io.Writer, r RunLog) error {
		for _, l := range r.Lines {
			if err := PrintLine(out, l); err != nil {
				return err
			}
		}
		return PrintKilled(out, r.Run)
	})
}

// PrintKilled prints that a run was killed, and why its lines have no end.
func PrintKilled(out io.Writer, run journal.Run) error {
	if run.State != journal.Killed {
		return nil
	}
	_, err := fmt.Fprintln(out, "the run was killed: its process wrote no more")
	return err
}

// PrintLine writes a line of a run for people.
func PrintLine(out io.Writer, l journal.Line) error {
	text := l.Text
	if l.Total > 0 {
		text = fmt.Sprintf("%s of %s", plain.Size(l.Done), plain.Size(l.Total))
	}
	if end := l.End; end != nil {
		text = plain.Label(end.Outcome)
		if end.Reason != "" {
			text += fmt.Sprintf(" (%s): %s", end.Reason, end.Failure)
		}
		if end.Receipt != "" {
			text += ", receipt " + end.Receipt
		}
		l.Point = "end"
	}
	p := terminal.NewPrinter(out)
	p.Beside(fmt.Sprintf("%s  %-10s ", plain.Stamp(l.Time), plain.Label(l.Point)), text)
	return p.Err
}
