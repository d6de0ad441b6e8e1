package present

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func statusOf(services ...overview.Live) overview.Status {
	return overview.Status{
		At:       time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Hosts:    []overview.Host{{Name: "D601", Reachable: true, Version: "v1"}, {Name: "far"}},
		Registry: &overview.Registry{OK: true, Decision: "healthy", Summary: "all is as declared"},
		Services: services,
	}
}

func liveOf(service string, state overview.State, digit string) overview.Live {
	commit, _ := artifact.ParseCommit(strings.Repeat(digit, 40))
	return overview.Live{
		Service: service, Env: artifact.Prod, State: state, Running: workload.Running{Commit: commit.String(), Text: service + " runs " + commit.String()},
		Proven: &ledger.Brief{Commit: commit, Since: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), Who: "ci@master of a long name"},
	}
}

func TestTheOverviewFitsEightyColumns(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	three := 3
	drifted := liveOf("code-queue-scheduler", overview.Drifted, "a")
	drifted.Running.Commit = strings.Repeat("b", 40)
	drifted.Running.Text = "code-queue-scheduler runs " + drifted.Running.Commit + " (container 0123456789ab, image 0123456789ab)"
	drifted.Wanted, drifted.Newer = strings.Repeat("c", 40), &three
	silent := liveOf("mdtodo", overview.Unknown, "d")
	silent.Running = workload.NotKnown("D601", "not known")
	s := statusOf(liveOf("frontend", overview.Proven, "e"), drifted, silent, overview.Live{Service: "claudeqq", Env: artifact.Dev, State: overview.None})
	commit, _ := artifact.ParseCommit(strings.Repeat("f", 40))
	s.Runs = []journal.Going{{
		Service: "todo-note", Env: artifact.Prod, Holder: "ci@master", ID: "r", Commit: commit, Started: s.At.Add(-9 * time.Second),
		Point: workload.PointTransfer, Done: 12e6, Total: 40e6,
	}, {Service: "met-nonlinear", Env: artifact.Dev, Holder: "ci@master, run 20260102T030405Z-01234567 since 03:04:05Z"}}
	var out bytes.Buffer
	if err := printStatus(narrow(&out), s); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
  host           ✓ D601, agent v1
  host           ✗ far does not answer
  registry       ✓ healthy: all is as declared
  running        todo-note prod to ffffffffffff, 9 s: transfer 12.0 MB of 40.0
                 MB (ci@master)
  running        met-nonlinear dev: ci@master, run 20260102T030405Z-01234567
                 since 03:04:05Z
SERVICE               ENV   LIVE           STATE    PROVEN  BY
frontend              prod  eeeeeeeeeeee   proven   4 min   ci@master of a …
code-queue-scheduler  prod  bbbbbbbbbbbb   drifted  4 min   ci@master of a …
  code-queue-scheduler runs bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb (container
  0123456789ab, image 0123456789ab)
  proven was aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  deploy.json wants cccccccccccccccccccccccccccccccccccccccc
  3 newer commits published
mdtodo                prod  dddddddddddd?  unknown  4 min   ci@master of a …
never deployed: claudeqq dev
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSpace(line))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// A pipe gets a text when it differs, JSON is a line for each.
func TestARepeatedAnswerOfAPipe(t *testing.T) {
	t.Parallel()
	var text, lines bytes.Buffer
	a, b := NewLive(&text, "text"), NewLive(&lines, "json")
	same := statusOf(liveOf("frontend", overview.Proven, "a"))
	for _, s := range []overview.Status{same, same, statusOf(liveOf("frontend", overview.Down, "a"))} {
		for _, live := range []*Live{a, b} {
			if err := live.Print(Status(s)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := strings.Count(text.String(), "SERVICE"); n != 2 || strings.Contains(text.String(), "\x1b") {
		t.Errorf("%d texts: %q", n, text.String())
	}
	if n := strings.Count(lines.String(), "\n"); n != 3 {
		t.Errorf("%d lines of JSON", n)
	}
}
