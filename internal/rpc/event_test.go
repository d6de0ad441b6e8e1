package rpc

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// The contract has the points of a deploy, each once and in their order.
func TestEveryPointHasItsValueInTheContract(t *testing.T) {
	t.Parallel()
	all := points()
	var last artifactv1.Point
	for _, p := range workloadtest.Points() {
		value, ok := all[p]
		if !ok || value <= last {
			t.Errorf("%s is %s, after %s", p, value, last)
		}
		last = value
		want := workload.Event{Point: p, Text: "t", Warning: true, Done: 1, Total: 2}
		if got, err := eventOf(eventToProto(want)); err != nil || got != want {
			t.Errorf("%s comes as %+v, %v", p, got, err)
		}
	}
	if len(all) != len(workloadtest.Points()) {
		t.Errorf("%d points have a value, there are %d", len(all), len(workloadtest.Points()))
	}
	for n, name := range artifactv1.Point_name {
		told := slices.ContainsFunc(workloadtest.Points(), func(p workload.Point) bool { return all[p] == artifactv1.Point(n) })
		if told != (n != 0) {
			t.Errorf("%s has a point: %t", name, told)
		}
	}
}

// settling is a target that emits all its events at once and ends.
type settling struct {
	workload.Target
	events []workload.Event
	got    chan workload.Settlement
}

func (s *settling) Settle(_ context.Context, _ workload.Ref, got workload.Settlement, emit func(workload.Event)) error {
	for _, e := range s.events {
		emit(e)
	}
	s.got <- got
	return nil
}

func TestASettlementTellsWhatWasDoneAndItsWarnings(t *testing.T) {
	t.Parallel()
	ref := sampleChange(t).Ref
	for _, n := range []int{0, 1, 3, maxQueue, maxQueue + 1, 3 * maxQueue} {
		t.Run(fmt.Sprint(n, " events"), func(t *testing.T) {
			t.Parallel()
			target := &settling{got: make(chan workload.Settlement, 1)}
			for i := range n {
				target.events = append(target.events, workload.Event{Point: workload.PointSettle, Text: fmt.Sprint("act ", i), Warning: i%2 == 0})
			}
			a, _ := serveWorkloads(t, target)
			w := a.workloads(t)
			for i := range 20 { // how the act's end and its caller meet differs
				want := workload.Settlement{
					ChangeID: fmt.Sprint("change-", i), Outcome: workload.Keep,
					Proven: []workload.Copy{{ID: containerID, Started: sampleChange(t).Deadline, Restarts: 2, Revision: containerID}}, Retire: []artifact.Commit{commit()},
				}
				var told []workload.Event
				if err := w.Settle(t.Context(), ref, want, func(e workload.Event) { told = append(told, e) }); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(target.events[max(0, n-maxQueue):], told); d != "" {
					t.Fatalf("settlement %d: %s", i, d)
				}
				if d := diff(want, <-target.got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestASettlementsEventsAreNotBelievedWhenTheyCannotBe(t *testing.T) {
	t.Parallel()
	ref, s := sampleChange(t).Ref, workload.Settlement{ChangeID: "x", Outcome: workload.Revert}
	one := &artifactv1.Progress{Point: artifactv1.Point_POINT_SETTLE, Text: "done"}
	for name, told := range map[string][]*artifactv1.Progress{
		"too many":         slices.Repeat([]*artifactv1.Progress{one}, maxQueue+1),
		"a text that acts": {one, {Point: artifactv1.Point_POINT_SETTLE, Text: "\x1b[2J"}},
	} {
		err := serveLyingWorkloads(t, &lyingWorkloads{progress: told}).Settle(t.Context(), ref, s, func(workload.Event) {})
		if err == nil || fault.ReasonOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	var got []workload.Event
	w := serveLyingWorkloads(t, &lyingWorkloads{progress: []*artifactv1.Progress{{}, one, {Point: 99, Text: "of tomorrow"}}})
	if err := w.Settle(t.Context(), ref, s, func(e workload.Event) { got = append(got, e) }); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]workload.Event{{Point: workload.PointSettle, Text: "done"}}, got); d != "" {
		t.Errorf("signs of life and a newer agent's points are reported: %s", d)
	}
}

// renewing is a target with a pending change.
type renewing struct {
	workload.Target
	ref workload.Ref
	id  string
}

func (r renewing) Renew(_ context.Context, ref workload.Ref, id string) error {
	if ref != r.ref || id != r.id {
		return fault.New(fault.ChangeNotFound, "%s has no unconfirmed change %s", ref, id)
	}
	return nil
}

func TestARunRenewsItsOwnChange(t *testing.T) {
	t.Parallel()
	c := sampleChange(t)
	a, _ := serveWorkloads(t, renewing{ref: c.Ref, id: c.ID})
	w := a.workloads(t)
	if err := w.Renew(t.Context(), c.Ref, c.ID); err != nil {
		t.Error(err)
	}
	wantReason(t, w.Renew(t.Context(), c.Ref, "another"), fault.ChangeNotFound, false)
	wantReason(t, w.Renew(t.Context(), workloadtest.Ref("fake", "other"), c.ID), fault.ChangeNotFound, false)
}
