package confirm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// silentFor has the host refuse to restore for so long, as an engine does that is started
// again.
func (w *world) silentFor(d time.Duration, reason fault.Reason) {
	until := time.Now().Add(d)
	w.host.Break = func(s confirmtest.Step) error {
		if s == confirmtest.PutEnv && time.Now().Before(until) {
			return fault.Transient(reason, "connection refused")
		}
		return nil
	}
}

// takeBack reverts change "b", and returns its events.
func (w *world) takeBack(ctx context.Context) (told []workload.Event, err error) {
	err = w.target().Settle(ctx, w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, func(e workload.Event) { told = append(told, e) })
	return told, err
}

func waits(told []workload.Event) (n int) {
	for _, e := range told {
		if !e.Warning && strings.HasPrefix(e.Text, "waiting for up to 14m0s") && strings.Contains(e.Text, "connection refused") {
			n++
		}
	}
	return n
}

func TestARevertWaitsForWhatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, reason := range []fault.Reason{fault.EngineUnavailable, fault.KubernetesUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.provisional(t, time.Hour)
			w.silentFor(13*time.Minute, reason)
			told, err := w.takeBack(t.Context())
			if err != nil || waits(told) != 1 {
				t.Fatalf("%v, reported %+v", err, told)
			}
			w.want(t, 0)
			if last := w.observe(t).Last; len(last.Left) > 0 {
				t.Errorf("left %+v", last.Left)
			}
		})
	}
}

// If the runtime stays silent, the revert fails and may be retried; at the deadline it is.
func TestARevertDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provisional(t, time.Hour)
		stop := watch(t, w.target(), &journal{})
		w.silentFor(30*time.Minute, fault.EngineUnavailable)
		began := time.Now()
		told, err := w.takeBack(t.Context())
		if fault.ReasonOf(err) != fault.RevertFailed || !fault.Retryable(err) || waits(told) != 1 {
			t.Fatalf("%v (%s), reported %+v", err, fault.ReasonOf(err), told)
		}
		if took := time.Since(began); took != 14*time.Minute {
			t.Errorf("waited %s", took)
		}
		if p := w.observe(t).Pending; p == nil || !strings.Contains(p.Failed, "connection refused") {
			t.Errorf("%+v", p)
		}
		time.Sleep(time.Hour)
		w.want(t, 0)
		stop()
	})
}

// A process that gets a signal to stop does not wait: nothing is under way.
func TestAWaitEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provisional(t, time.Hour)
		w.silentFor(time.Hour, fault.EngineUnavailable)
		ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Second, errors.New("told to stop"))
		defer cancel()
		began := time.Now()
		if _, err := w.takeBack(ctx); fault.ReasonOf(err) != fault.RevertFailed {
			t.Error(err)
		}
		if took := time.Since(began); took > 31*time.Second {
			t.Errorf("it waited %s", took)
		}
	})
}

// An engine that refuses, then hangs until the wait is over, did refuse: the end of the wait
// explains nothing.
func TestAWaitThatEndsInACallNamesWhatDidNotAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provisional(t, time.Hour)
		refused := false
		w.host.Break = func(s confirmtest.Step) error {
			switch {
			case s != confirmtest.PutEnv:
				return nil
			case !refused:
				refused = true
				return fault.Transient(fault.EngineUnavailable, "connection refused")
			}
			time.Sleep(time.Hour)
			return context.DeadlineExceeded
		}
		if _, err := w.takeBack(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Error(err)
		}
	})
}
