package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// A run that waits for the lock hears its holder at once and each minute, and has it when the
// other run ends, is refused when its time is over, and stops when its context ends.
func TestARunWaitsForTheLockAndHearsWhoHasIt(t *testing.T) {
	t.Parallel()
	stop := errors.New("told to stop")
	for name, c := range map[string]struct {
		after  time.Duration // of which the other run ends, or the person stops
		stops  bool
		within time.Duration // the context ends by itself
		told   int
		want   error
	}{
		"it ends":             {after: 90 * time.Second, told: 2},
		"its time is over":    {after: time.Hour, told: 3, want: fault.New(fault.Locked, "")},
		"a person stops":      {after: 10 * time.Second, stops: true, told: 1, want: stop},
		"a deadline comes":    {after: time.Hour, within: 10 * time.Second, told: 1, want: context.DeadlineExceeded},
		"it ends before that": {after: time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := ledger.Open(t.TempDir())
				unlock, err := l.Lock(artifact.Prod, "web", "alice, since noon")
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if c.within > 0 {
					var end context.CancelFunc
					ctx, end = context.WithTimeout(ctx, c.within)
					defer end()
				}
				over := unlock
				if c.stops {
					over = func() { cancel(stop) }
				}
				defer time.AfterFunc(c.after, over).Stop()
				var told []time.Duration
				mine, err := l.LockWithin(ctx, artifact.Prod, "web", "bob", 3*time.Minute, func(other string, left time.Duration) {
					if other != "alice, since noon" {
						t.Errorf("%q has it", other)
					}
					told = append(told, left.Round(time.Minute))
				})
				if f := (*fault.Error)(nil); errors.As(c.want, &f) {
					if fault.ReasonOf(err) != f.Reason || !fault.Retryable(err) {
						t.Error(err)
					}
				} else if !errors.Is(err, c.want) {
					t.Error(err)
				}
				if err == nil {
					if l.Holder(artifact.Prod, "web") != "bob" {
						t.Error("another run has it")
					}
					mine()
				}
				if want := []time.Duration{3 * time.Minute, 2 * time.Minute, time.Minute}[:c.told]; !slices.Equal(told, want) {
					t.Errorf("reported with %v left, want %v", told, want)
				}
			})
		})
	}
}
