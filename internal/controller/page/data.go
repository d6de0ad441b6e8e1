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
	Runs     []journal.Run
	Now      time.Time
	// Watched means that a watch publishes.
	Watched bool
	// lines returns the lines of a run.
	lines func(id string) (journal.Run, []journal.Line, error)
}

// read reads a folder at a time, with the snapshot in it.
func read(folder string, snap snapshot.Snapshot, now time.Time) data {
	copies := snapshot.Runs(folder)
	runs, _ := copies.Runs(journal.Query{}) // a run that begins has no line yet
	return data{Snapshot: snap, Runs: runs, Now: now, Watched: snapshot.Watched(folder), lines: copies.Lines}
}

// stale reports whether the data may be out of date.
func (d data) stale() bool { return !d.Watched || d.Snapshot.Stale(d.Now) }

// keyOf names what the pages show: by the time of the snapshot, whether it is stale, the newest
// run, and the runs that go on.
func keyOf(at time.Time, stale bool, newest string, running []string) string {
	return strings.Join(append([]string{exact(at), strconv.FormatBool(stale), newest}, running...), " ")
}

// key names what the pages of this data show.
func (d data) key() string {
	newest, running := "", []string(nil)
	for _, run := range d.Runs {
		if newest = max(newest, run.ID); run.State == journal.Running {
			running = append(running, run.ID)
		}
	}
	return keyOf(d.Snapshot.Status.At, d.stale(), newest, running)
}

// exact returns a time for a program.
func exact(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func notFound(what, name string) error {
	return fault.New(fault.ReceiptNotFound, "there is no %s %.100q here", what, name).
		WithHint("the page has the newest deploys alone: `unidesk-controller history --all` lists all that are kept")
}
