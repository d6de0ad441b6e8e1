package deploy

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// journal hands events on and keeps when each point was first reached.
type journal struct {
	emit  func(workload.Event)
	steps []ledger.Step
	// transfer is the account of the last staging; nil if nothing crossed the line.
	transfer *workload.Transfer
}

// pass hands an event on.
func (j *journal) pass(e workload.Event) {
	if e.Transfer != nil {
		j.transfer = e.Transfer
	}
	if n := len(j.steps); n == 0 || j.steps[n-1].Point != e.Point {
		j.steps = append(j.steps, ledger.Step{Point: e.Point, At: time.Now().UTC()})
	}
	j.emit(e)
}

// reach notes that a point was reached.
func (j *journal) reach(p workload.Point, text string) {
	j.pass(workload.Event{Point: p, Text: text})
}

// during runs an act of the host, which reports its own points. An error bears the
// last of them, or from if the act reported none.
func (j *journal) during(from workload.Point, act func(emit func(workload.Event)) error) error {
	last := from
	err := act(func(e workload.Event) {
		last = e.Point
		j.pass(e)
	})
	return workload.At(last, err)
}
