package k3s

import (
	"strings"
	"testing"
	"time"
)

// A line has its time taken off, and what is too early is left out. The kubelet's own words
// stay if all is asked for.
func TestLinesLoseTheirTimes(t *testing.T) {
	t.Parallel()
	at := func(ns int) time.Time { return time.Date(2026, 1, 2, 3, 4, 5, ns, time.UTC) }
	raw := "2026-01-02T03:04:05.000000001Z one\n2026-01-02T03:04:05.000000002Z \nunable to retrieve\n2026-01-02T03:04:05.000000003Z 2026-01-02T03:04:05Z two"
	for after, want := range map[int]string{
		0: "one\n\n2026-01-02T03:04:05Z two", 1: "\n2026-01-02T03:04:05Z two", 3: "",
	} {
		if out, until := untimed([]byte(raw), at(after)); string(out) != want || !until.Equal(at(3)) {
			t.Errorf("after %d: %q until %v, want %q", after, out, until, want)
		}
	}
	if out, _ := untimed([]byte(raw), time.Time{}); string(out) != "one\n\nunable to retrieve\n2026-01-02T03:04:05Z two" {
		t.Errorf("all: %q", out)
	}
	if out, until := untimed(nil, at(7)); len(out) > 0 || !until.Equal(at(7)) {
		t.Errorf("nothing: %q until %v", out, until)
	}
	if out, _ := untimed([]byte(strings.Repeat("2026-01-02T03:04:05Z 0123456789\n", 10000)), time.Time{}); len(out) > maxLog || !strings.HasPrefix(string(out), "0123456789\n") {
		t.Errorf("%d bytes from %.20q", len(out), out)
	}
}
