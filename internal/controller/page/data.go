package page

import (
	"strconv"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
)

// data is what a page is made of.
type data struct {
	Snapshot snapshot.Snapshot
	Runs     []journal.Run // the newest first
	Now      time.Time
	// Watched means that a watch publishes.
	Watched bool
	// lines returns the lines of a run.
	lines func(id string) (journal.Run, []journal.Line, error)
}

// stale reports whether the data may be out of date.
func (d data) stale() bool { return !d.Watched || d.Snapshot.Stale(d.Now) }

// key names what the pages of this data show: by the time of the snapshot, whether it is stale,
// the newest run, and the runs that go on.
func (d data) key() string {
	words := []string{exact(d.Snapshot.Status.At), strconv.FormatBool(d.stale())}
	if len(d.Runs) > 0 {
		words = append(words, d.Runs[0].ID)
	}
	for _, run := range d.running() {
		words = append(words, run.ID)
	}
	return strings.Join(words, " ")
}

// running returns the runs that go on.
func (d data) running() (list []journal.Run) {
	for _, run := range d.Runs {
		if run.State == journal.Running {
			list = append(list, run)
		}
	}
	return list
}

// exact returns a time for a program.
func exact(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func notFound(what, name string) error {
	return fault.New(fault.ReceiptNotFound, "there is no %s %.100q here", what, name).
		WithHint("the page has the newest deploys alone: `unidesk-controller history --all` lists all that are kept")
}
