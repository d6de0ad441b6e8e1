package journal

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Track hands events on as lines that name what they are about, and keeps when each point
// was first reached.
type Track struct {
	// Emit receives each line.
	Emit func(Line)
	// Head is what each line begins with.
	Head  Line
	Steps []ledger.Step
	// Transfer is the account of the last staging; nil if nothing crossed the line.
	Transfer *workload.Transfer
}

// Report hands on an event that reaches no point.
func (t *Track) Report(e workload.Event) {
	l := t.Head
	l.Time, l.Point, l.Text, l.Warning, l.Done, l.Total = time.Now().UTC(), e.Point, e.Text, e.Warning, e.Done, e.Total
	t.Emit(l)
}

// Pass hands an event on.
func (t *Track) Pass(e workload.Event) {
	if e.Transfer != nil {
		t.Transfer = e.Transfer
	}
	if n := len(t.Steps); n == 0 || t.Steps[n-1].Point != e.Point {
		t.Steps = append(t.Steps, ledger.Step{Point: e.Point, At: time.Now().UTC()})
	}
	t.Report(e)
}

// Reach notes that a point was reached.
func (t *Track) Reach(p workload.Point, text string) {
	t.Pass(workload.Event{Point: p, Text: text})
}

// Ended hands on how the run ended.
func (t *Track) Ended(how End) {
	l := t.Head
	l.Time, l.End = time.Now().UTC(), &how
	t.Emit(l)
}

// During runs an act of the host, which reports its own points. An error bears the
// last of them, or from if the act reported none.
func (t *Track) During(from workload.Point, act func(emit func(workload.Event)) error) error {
	last := from
	err := act(func(e workload.Event) {
		last = e.Point
		t.Pass(e)
	})
	return workload.At(last, err)
}
