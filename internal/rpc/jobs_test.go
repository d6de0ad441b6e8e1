package rpc

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A job may be over before its caller listens.
func TestTheCallerThatBeginsAJobMissesNothing(t *testing.T) {
	t.Parallel()
	all := newJobs[int, string](rules[int]{log: slog.New(slog.DiscardHandler), most: 1})
	t.Cleanup(all.close)
	said, end := make(chan struct{}), make(chan struct{})
	what := act[int, string]{key: "k", limit: time.Minute, do: func(_ context.Context, emit func(int)) (string, error) {
		for i := range 3 {
			emit(i)
		}
		close(said)
		<-end
		return "done", nil
	}}
	one, err := all.attach(t.Context(), what)
	if err != nil {
		t.Fatal(err)
	}
	<-said
	follow := func() (heard []int) {
		if result, err := one.follow(t.Context(), 0, func(e int) error {
			if heard = append(heard, e); e == 2 && len(heard) == 3 {
				close(end)
			}
			return nil
		}); result != "done" || err != nil {
			t.Errorf("%q, %v", result, err)
		}
		return heard
	}
	if diff := cmp.Diff([]int{0, 1, 2}, follow()); diff != "" {
		t.Errorf("the caller that begins: %s", diff)
	}
	if diff := cmp.Diff([]int{2}, follow()); diff != "" {
		t.Errorf("a caller that comes later: %s", diff)
	}
}
