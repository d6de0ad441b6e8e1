package journal_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestARunIsASentence(t *testing.T) {
	t.Parallel()
	now := time.Now()
	run := journal.Going{
		Service: "web", Env: artifact.Prod, Holder: "alice", ID: "1", Started: now.Add(-3 * time.Second), Point: workload.PointBefore, Text: "saved",
	}
	moves := run
	moves.Done, moves.Total = 1e6, 4e6
	for want, got := range map[string]string{
		"web prod to aaaa, 3 s: snapshot saved (alice)":            run.Sentence("aaaa", now),
		"web prod, 3 s: snapshot saved (alice)":                    run.Sentence("", now), // of a recovery
		"web prod to aaaa, 3 s: snapshot 1.0 MB of 4.0 MB (alice)": moves.Sentence("aaaa", now),
		"web prod: alice": journal.Going{Service: "web", Env: artifact.Prod, Holder: "alice"}.Sentence("", now),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
