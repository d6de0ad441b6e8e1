package proof

import (
	"fmt"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Enough is how many equal answers in a row make a verdict final.
const Enough = 3

// Streak collects verdicts until they have been the same often and long enough:
// the same status, from the same copies, none of which was restarted meanwhile,
// with the same answers.
type Streak struct {
	// Stable is the time that the first and the last equal answer must span.
	Stable time.Duration

	last  Verdict
	since time.Time
	count int
	// broken is when a verdict last differed from the verdict before; the zero value for never.
	broken time.Time
}

// Add takes the verdict of an observation made at that time and reports whether
// the streak is long enough. A Waiting verdict never is.
func (s *Streak) Add(v Verdict, at time.Time) bool {
	if s.count > 0 && !same(s.last, v) {
		s.count, s.broken = 0, at
	}
	if s.count == 0 {
		s.since = at
	}
	s.last = v
	s.count++
	return v.Status != Waiting && s.count >= Enough && at.Sub(s.since) >= s.Stable
}

// Broken returns when the streak last began anew, the zero time if it never did.
func (s *Streak) Broken() time.Time { return s.broken }

func same(a, b Verdict) bool {
	if a.Status != b.Status || len(a.Instances) != len(b.Instances) {
		return false
	}
	if len(a.Instances) == 0 {
		return true
	}
	return slices.EqualFunc(a.Copies(), b.Copies(), workload.Copy.Equal) && slices.Equal(a.Findings, b.Findings)
}

// Progress describes the streak for people; left is the time that is left for it. The
// text changes every ten seconds only.
func (s *Streak) Progress(left time.Duration) string {
	if reason := s.last.Reason(); reason != "" {
		const step = 10 * time.Second
		return fmt.Sprintf("waiting: %s; given up in %s", reason, max(left+step-1, 0).Truncate(step))
	}
	answers := "equal answers"
	if s.count == 1 {
		answers = "answer"
	}
	return fmt.Sprintf("%s so far: %d %s; they must stay equal for %s", s.last.Status, s.count, answers, s.Stable)
}
