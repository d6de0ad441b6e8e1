package metrics

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// tried writes a run of frontend in prod that began then. With the outcome "" its process is
// killed.
func tried(t *testing.T, dir string, began time.Time, outcome string) (path string) {
	t.Helper()
	w := journal.Open(dir).Writer(func(err error) { t.Error(err) })
	defer w.Close()
	l := begins(began)
	w.Append(l)
	if outcome != "" {
		l.End = &journal.End{Outcome: outcome}
		w.Append(l)
	}
	return filepath.Join(dir, "prod", "frontend", l.Run+".jsonl")
}

// begins is the first line of a run of frontend in prod.
func begins(at time.Time) journal.Line {
	return journal.Line{Time: at, Run: ledger.NewID(at), Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Prod, Point: workload.PointGuard}
}

// begun writes a run that goes on until the writer is closed.
func begun(t *testing.T, dir string, at time.Time) *journal.Writer {
	t.Helper()
	w := journal.Open(dir).Writer(func(err error) { t.Error(err) })
	t.Cleanup(w.Close)
	w.Append(begins(at))
	return w
}

func totals(list []Attempts) string {
	var words []string
	for _, a := range list {
		words = append(words, fmt.Sprint(a.Service, " ", a.Env, " ", a.Outcome, " ", a.Count))
	}
	return strings.Join(words, ", ")
}

func TestASweepOfTheJournalLowersNoCount(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Now()
	runs, file := journal.Open(filepath.Join(dir, "runs")), filepath.Join(dir, "attempts.json")
	add := func(began time.Time, outcome string) string {
		return tried(t, filepath.Join(dir, "runs"), began, outcome)
	}
	// count counts as a process does that begins with what the file has.
	count := func(at time.Time, want string) tally {
		t.Helper()
		counted, err := must(readTally(file)).with(runs, at)
		if got := totals(counted.Totals); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
		if err := counted.write(file); err != nil {
			t.Fatal(err)
		}
		return counted
	}
	count(now, "")
	first := add(now.Add(-2*time.Hour), "blocked")
	add(now.Add(-time.Hour), "")
	add(now, "") // perhaps it is being made
	running := begun(t, filepath.Join(dir, "runs"), now.Add(-time.Hour))
	count(now, "frontend prod blocked 1, frontend prod killed 1")
	count(now, "frontend prod blocked 1, frontend prod killed 1")
	add(now, "blocked")
	add(now, "a word of a later controller")
	count(now, "frontend prod blocked 2, frontend prod killed 1, frontend prod other 1")
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	count(now, "frontend prod blocked 2, frontend prod killed 1, frontend prod other 1")
	running.Close()
	if c := count(now.Add(time.Hour), "frontend prod blocked 2, frontend prod killed 3, frontend prod other 1"); len(c.Counted) != 6 {
		t.Errorf("%d runs are known, want 6", len(c.Counted))
	}
	if c := count(now.Add(101*24*time.Hour), "frontend prod blocked 2, frontend prod killed 3, frontend prod other 1"); len(c.Counted) != 5 {
		t.Errorf("%d runs are known, want the 5 that the journal has", len(c.Counted))
	}
}

// A journal that could not be seen for a while has no run counted twice.
func TestARunIsCountedOnce(t *testing.T) {
	t.Parallel()
	dir, now := filepath.Join(t.TempDir(), "runs"), time.Now()
	for range 3 {
		tried(t, dir, now.Add(-time.Hour), "failed")
	}
	runs := journal.Open(dir)
	counted := must(tally{}.with(runs, now))
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	counted = must(counted.with(runs, now))
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if got := totals(must(counted.with(runs, now)).Totals); got != "frontend prod failed 3" {
		t.Error(got)
	}
}

func TestCountsThatAnotherProgramWroteAreRefused(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no JSON": "{", "a later version": `{"version":2}`, "more than ever": `{"version":1,"totals":[{"service":"a","env":"prod","outcome":"failed","count":9223372036854775807}]}`,
		"less than none": `{"version":1,"totals":[{"service":"a","env":"prod","outcome":"failed","count":-1}]}`,
	} {
		file := filepath.Join(t.TempDir(), "attempts.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := readTally(file); err == nil || fault.HintOf(err) == "" || !strings.Contains(err.Error(), file) || cmp.Diff(tally{}, c) != "" {
			t.Errorf("%s: %+v, %v (%s)", name, c, err, fault.HintOf(err))
		}
	}
}
