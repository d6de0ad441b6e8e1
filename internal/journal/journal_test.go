package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// line returns a line of a run of web in prod.
func line(t *testing.T, run string, p workload.Point, text string) journal.Line {
	t.Helper()
	service, err := artifact.ParseServiceID("web")
	if err != nil {
		t.Fatal(err)
	}
	commit, err := artifact.ParseCommit(strings.Repeat("a", 40))
	if err != nil {
		t.Fatal(err)
	}
	return journal.Line{
		Time: time.Now().UTC(), Run: run, Service: service, Env: artifact.Prod, Commit: commit, Who: "alice (1000)",
		Command: "artifact-registry deploy-service", Point: p, Text: text,
	}
}

func end(l journal.Line, outcome string) journal.Line {
	l.End = &journal.End{Outcome: outcome}
	return l
}

// writer returns a writer that must meet no trouble.
func writer(t *testing.T, j *journal.Journal) *journal.Writer {
	t.Helper()
	w := j.Writer(func(err error) { t.Errorf("it could not be written: %v", err) })
	t.Cleanup(w.Close)
	return w
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func file(dir, run string) string { return filepath.Join(dir, "prod", "web", run+".jsonl") }

func TestARunIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	run := ledger.NewID(time.Now())
	last := line(t, run, workload.PointRecord, "")
	last.End = &journal.End{Outcome: "reverted", Reason: fault.NotProven, Failure: "health 503", Receipt: run}
	want := []journal.Line{line(t, run, workload.PointGuard, "locked"), line(t, run, workload.PointSwitch, "<&>"), last}
	w := writer(t, j)
	for _, l := range want {
		w.Append(l)
	}
	w.Append(line(t, run, workload.PointRecord, "too late"))
	w.Append(line(t, "", workload.PointResolve, "of no run"))
	got, lines, err := j.Lines(run)
	must(t, err)
	if diff := cmp.Diff(want, lines, cmp.Comparer(func(a, b artifact.Commit) bool { return a == b }), cmp.Comparer(func(a, b artifact.ServiceID) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got.State != journal.Ended || got.ID != run || got.Who != "alice (1000)" || got.Started.IsZero() || got.Last.End.Receipt != run {
		t.Errorf("%+v", got)
	}
	if info, err := os.Stat(file(dir, run)); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A run goes on as long as its process has its file. What ends without a word was killed.
func TestWhetherARunGoesOnIsKnown(t *testing.T) {
	t.Parallel()
	j := journal.Open(t.TempDir())
	began := time.Now().Add(-time.Hour)
	ended, running, killed := ledger.NewID(began), ledger.NewID(began.Add(time.Minute)), ledger.NewID(began.Add(2*time.Minute))
	w, dead := writer(t, j), writer(t, j)
	w.Append(end(line(t, ended, workload.PointGuard, ""), "blocked"))
	w.Append(line(t, running, workload.PointTransfer, ""))
	dead.Append(line(t, killed, workload.PointSwitch, ""))
	dead.Close()
	runs, err := j.Runs(journal.Query{})
	must(t, err)
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprint(r.ID, r.State))
	}
	if diff := cmp.Diff([]string{killed + "killed", running + "running", ended + "ended"}, got); diff != "" {
		t.Error(diff)
	}
	for _, q := range []journal.Query{{Env: artifact.Dev}, {Service: "other"}} {
		if runs, err := j.Runs(q); err != nil || len(runs) != 0 {
			t.Errorf("%+v: %v, %v", q, runs, err)
		}
	}
	there := 0
	skip := func(id string) bool { there++; return id != running }
	if runs, err := j.Runs(journal.Query{Skip: skip}); err != nil || len(runs) != 1 || runs[0].ID != running || there != 3 {
		t.Errorf("%v of %d runs, %v, want the run that is not skipped", runs, there, err)
	}
	if runs, err := j.Runs(journal.Query{Env: artifact.Prod, Service: "web", Newest: 1}); err != nil || len(runs) != 1 || runs[0].ID != killed {
		t.Errorf("%v, %v", runs, err)
	}
}

func TestARunIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	j := journal.Open(t.TempDir())
	for name, finish := range map[string]func(*journal.Writer, string){
		"ended": func(w *journal.Writer, run string) {
			w.Append(end(line(t, run, workload.PointRecord, ""), "succeeded"))
		},
		"killed": func(w *journal.Writer, _ string) { w.Close() },
	} {
		run := ledger.NewID(time.Now())
		w := writer(t, j)
		w.Append(line(t, run, workload.PointGuard, "first"))
		var texts []string
		got, err := j.Follow(t.Context(), run, func(l journal.Line) {
			texts = append(texts, l.Text)
			switch len(texts) {
			case 1:
				go w.Append(line(t, run, workload.PointSwitch, "second"))
			case 2:
				go finish(w, run)
			}
		})
		must(t, err)
		if string(got.State) != name || len(texts) < 2 || texts[0] != "first" || texts[1] != "second" {
			t.Errorf("%s: %s, %q", name, got.State, texts)
		}
	}
	run := ledger.NewID(time.Now())
	writer(t, j).Append(line(t, run, workload.PointGuard, "first"))
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("told to stop")
	if got, err := j.Follow(ctx, run, func(journal.Line) { cancel(stop) }); !errors.Is(err, stop) || got.State != journal.Running {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := j.Follow(t.Context(), "../x", func(journal.Line) {}); fault.ReasonOf(err) != fault.ReceiptNotFound {
		t.Error(err)
	}
}

// What cannot be written is reported once, and stops nothing.
func TestAJournalThatCannotBeWrittenIsTroubleOnce(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := unix.Mount("tmpfs", full, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("NOT TESTED, a full disk: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(full, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	barred := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(barred, nil, 0o600))
	for dir, reason := range map[string]fault.Reason{full: fault.DiskFull, barred: fault.LedgerUnavailable} {
		var told []error
		w := journal.Open(dir).Writer(func(err error) { told = append(told, err) })
		run := ledger.NewID(time.Now())
		for range 100 {
			w.Append(line(t, run, workload.PointProve, strings.Repeat("x", 4000)))
		}
		w.Append(end(line(t, run, workload.PointRecord, ""), "succeeded"))
		w.Append(line(t, ledger.NewID(time.Now()), workload.PointGuard, strings.Repeat("x", 4000)))
		w.Close()
		if len(told) != 1 || fault.ReasonOf(told[0]) != reason {
			t.Errorf("%s: %v", dir, told)
		}
	}
}

// However much a run reports, its file stays small, and its end is in it.
func TestAFileIsBoundedAndHasItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journal.Open(dir)
	run := ledger.NewID(time.Now())
	w := writer(t, j)
	for range 1500 {
		w.Append(line(t, run, workload.PointProve, strings.Repeat("x", 100_000)))
	}
	w.Append(end(line(t, run, workload.PointRecord, strings.Repeat("\u202e\"", 100_000)), "succeeded"))
	info, err := os.Stat(file(dir, run))
	must(t, err)
	if info.Size() > 5<<20 {
		t.Errorf("%d bytes", info.Size())
	}
	if got, _, err := j.Lines(run); err != nil || got.State != journal.Ended {
		t.Errorf("%+v, %v", got, err)
	}
}
