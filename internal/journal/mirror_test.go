package journal_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A mirror shows each run as it is: a run that goes on is there with its newest line, and ends
// or is killed there when it does.
func TestAMirrorShowsRunsAsTheyGoOn(t *testing.T) {
	t.Parallel()
	from, dir := journal.Open(t.TempDir()), t.TempDir()
	mirrored := journal.Open(filepath.Join(dir, "runs"))
	began := time.Now().Add(-time.Hour)
	stale, old, ended := ledger.NewID(began), ledger.NewID(began.Add(time.Minute)), ledger.NewID(began.Add(2*time.Minute))
	running, killed := ledger.NewID(began.Add(3*time.Minute)), ledger.NewID(began.Add(4*time.Minute))
	writer(t, mirrored).Append(end(line(t, stale, workload.PointGuard, ""), "blocked")) // of a mirror before
	w, dead := writer(t, from), writer(t, from)
	for _, id := range []string{old, ended} {
		w.Append(end(line(t, id, workload.PointGuard, ""), "blocked"))
	}
	w.Append(line(t, running, workload.PointGuard, "first"))

	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(done)
		from.Mirror(ctx, mirrored, 3, func() { changed <- struct{}{} }, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}()
	shows := func(want map[string]journal.State, text string) {
		t.Helper()
		for {
			got, texts := map[string]journal.State{}, ""
			runs, _ := mirrored.Runs(journal.Query{}) // a file may have no line yet
			for _, r := range runs {
				if got[r.ID] = r.State; r.ID == running {
					texts = r.Last.Text
				}
			}
			same := len(got) == len(want) && texts == text
			for id, state := range want {
				same = same && got[id] == state
			}
			if same {
				return
			}
			select {
			case <-t.Context().Done():
				t.Fatalf("%v %q, want %v %q", got, texts, want, text)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	shows(map[string]journal.State{old: journal.Ended, ended: journal.Ended, running: journal.Running}, "first")
	w.Append(line(t, running, workload.PointSwitch, "second"))
	shows(map[string]journal.State{old: journal.Ended, ended: journal.Ended, running: journal.Running}, "second")
	dead.Append(line(t, killed, workload.PointSwitch, ""))
	shows(map[string]journal.State{ended: journal.Ended, running: journal.Running, killed: journal.Running}, "second")
	<-changed
	dead.Close()
	w.Append(end(line(t, running, workload.PointRecord, "third"), "succeeded"))
	shows(map[string]journal.State{ended: journal.Ended, running: journal.Ended, killed: journal.Killed}, "third")
	<-changed
	cancel()
	<-done
	if runs, err := mirrored.Runs(journal.Query{}); err != nil || len(runs) != 3 {
		t.Error(err, runs)
	}
}

// Other accounts write in the journal: their files cost a mirror no more than so many files,
// and hide no run for longer than they are there.
func TestAMirrorIsBounded(t *testing.T) {
	t.Parallel()
	from, dir := t.TempDir(), t.TempDir()
	j, mirrored := journal.Open(from), journal.Open(dir)
	run := ledger.NewID(time.Now().Add(-time.Hour))
	w := writer(t, j)
	for range 300 {
		w.Append(line(t, run, workload.PointProve, strings.Repeat("x", 4000)))
	}
	w.Append(end(line(t, run, workload.PointRecord, "last"), "succeeded"))
	later := time.Now().Add(time.Hour)
	junk, link, gone := ledger.NewID(later), ledger.NewID(later), ledger.NewID(later)
	must(t, os.WriteFile(file(from, junk), []byte("no line"), 0o600), os.Symlink("/etc/passwd", file(from, link)))
	planted := journal.Open(from).Writer(func(err error) { t.Error(err) })
	planted.Append(line(t, gone, workload.PointGuard, "planted"))

	ctx, cancel := context.WithCancel(t.Context())
	rounds, done := make(chan error, 1000), make(chan struct{})
	go func() {
		defer close(done)
		j.Mirror(ctx, mirrored, 4, func() {}, func(err error) { rounds <- err })
	}()
	if err := <-rounds; err == nil || !strings.Contains(err.Error(), link) {
		t.Errorf("the link is not named: %v", err)
	}
	info, err := os.Stat(file(dir, run))
	if err != nil || info.Size() > 600<<10 {
		t.Errorf("a copy of %v, %v", info, err)
	}
	if got, _, err := mirrored.Lines(run); err != nil || got.State != journal.Ended {
		t.Errorf("%+v, %v", got, err)
	}
	planted.Close()
	must(t, os.Remove(file(from, gone)), os.Remove(file(from, link)), os.Remove(file(from, junk)))
	for well := 0; well < 2; { // the first may have begun before a file was removed
		if err := <-rounds; err == nil {
			well++
		}
	}
	if runs, err := mirrored.Runs(journal.Query{}); err != nil || len(runs) != 1 || runs[0].ID != run {
		t.Errorf("%v, %v", runs, err)
	}
	cancel()
	<-done
}
