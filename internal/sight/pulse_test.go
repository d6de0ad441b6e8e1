package sight

import (
	"testing"
	"time"
)

// Beats that are late by what a busy machine takes are no time in which nothing ran.
func TestAPulseCountsOnlyTheTimeInWhichNothingRan(t *testing.T) {
	t.Parallel()
	began := time.Now()
	p := &pulse{last: began}
	for _, c := range []struct{ at, lost time.Duration }{
		{time.Second, 0}, {9 * time.Second, 0}, {70 * time.Second, 61 * time.Second}, {71 * time.Second, 61 * time.Second}, {101 * time.Second, 91 * time.Second},
	} {
		if got := p.see(began.Add(c.at)); got != c.lost {
			t.Errorf("after %s: %s, want %s", c.at, got, c.lost)
		}
	}
}
