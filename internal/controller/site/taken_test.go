package site

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A change that a watch reverts is a run of its service; one of no service is of no run.
func TestAChangeThatIsTakenBackIsARun(t *testing.T) {
	t.Parallel()
	services := must(catalog.Builtin())
	row := must(services.Row("todo-note"))
	change := workload.Change{ID: "theirs", Ref: row.Spec(artifact.Prod, "unidesk").Ref, Image: artifact.Pinned{Commit: must(artifact.ParseCommit(strings.Repeat("a", 40)))}}
	var lines []journal.Line
	begin := takes(services, "unidesk", func(l journal.Line) { lines = append(lines, l) })
	run := begin(change)
	run.Report(workload.Event{Point: workload.PointSettle})
	run.TookBack(nil)
	begin(change).TookBack(fault.New(fault.ComposeFailed, "no room"))
	change.Ref = row.Spec(artifact.Prod, "other").Ref
	begin(change).TookBack(nil)
	if len(lines) != 4 {
		t.Fatalf("%+v", lines)
	}
	for i, want := range []string{"", "took-back", "failed", "took-back"} {
		l := lines[i]
		if _, made := ledger.Made(l.Run); made != (i < 3) || made && (l.Service != row.Service || l.Env != artifact.Prod) || l.Commit != change.Image.Commit {
			t.Errorf("%+v", l)
		}
		if (l.End == nil) != (want == "") || l.End != nil && l.End.Outcome != want {
			t.Errorf("%+v, want %q", l.End, want)
		}
	}
	if lines[0].Run != lines[1].Run || lines[1].Run == lines[2].Run || lines[2].End.Reason != fault.ComposeFailed {
		t.Errorf("%+v", lines)
	}
}
