package journal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestATransferTellsTwiceASecondAndWhenItIsWhole(t *testing.T) {
	t.Parallel()
	var p journal.Pace
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var passed []int64
	for ms := range int64(1201) {
		l := line(t, "one", workload.PointTransfer, "")
		l.Time, l.Done, l.Total = at.Add(time.Duration(ms)*time.Millisecond), ms, 1200
		other := l
		other.Run = "another"
		passes := p.Passes(l)
		if passes {
			passed = append(passed, ms)
		}
		if p.Passes(other) != passes {
			t.Errorf("at %d: a run stills another", ms)
		}
	}
	if want := []int64{0, 500, 1000, 1200}; !slices.Equal(passed, want) {
		t.Errorf("%d, want %d", passed, want)
	}
}

func TestAWaitThatRepeatsItselfTellsOnce(t *testing.T) {
	t.Parallel()
	var p journal.Pace
	wait := line(t, "one", workload.PointProve, "waiting")
	steps := []struct {
		line   journal.Line
		passes bool
	}{
		{wait, true},
		{wait, false},
		{line(t, "one", workload.PointProve, "proven"), true},
		{wait, true},
		{line(t, "two", workload.PointProve, "waiting"), true},
		{end(wait, "reverted"), true},
		{wait, true},
	}
	for i, c := range steps {
		if got := p.Passes(c.line); got != c.passes {
			t.Errorf("line %d passes: %v", i, got)
		}
	}
}
