package sight_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Which run ended a change is named as far as the host's record shows it.
func TestWhoEndedAChange(t *testing.T) {
	deadline := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	change := workload.Change{ID: "ours", Deadline: deadline}
	w := sight.Workload{HostName: "D601"}
	for name, c := range map[string]struct {
		pending *workload.Pending
		last    *workload.Settled
		want    string
	}{
		"unsettled":                {pending: &workload.Pending{Change: change}},
		"kept":                     {last: &workload.Settled{ChangeID: "ours", Outcome: workload.Keep, At: deadline}},
		"at its deadline":          {nil, &workload.Settled{ChangeID: "ours", Outcome: workload.Revert, At: deadline}, "D601 reverted the change by itself at 03:04:05Z"},
		"before its deadline":      {nil, &workload.Settled{ChangeID: "ours", Outcome: workload.Revert, At: deadline.Add(-time.Second)}, "another run reverted the change at 03:04:04Z"},
		"another change under way": {&workload.Pending{Change: workload.Change{ID: "theirs", Holder: "bob"}}, &workload.Settled{ChangeID: "ours", Outcome: workload.Revert}, "(bob) is not confirmed"},
		"another change kept":      {nil, &workload.Settled{ChangeID: "theirs", Outcome: workload.Keep, At: deadline}, "was kept at 03:04:05Z"},
		"nothing is known of it":   {want: "the host knows of no change"},
		"another, and ours before": {&workload.Pending{Change: workload.Change{ID: "theirs"}}, &workload.Settled{ChangeID: "ours", Outcome: workload.Keep}, "another run ended the change"},
	} {
		t.Run(name, func(t *testing.T) {
			err := w.Ended(change, sight.View{Observation: workload.Observation{Pending: c.pending, Last: c.last}})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// host answers a look with what it runs, or with err.
type host struct {
	workload.Target
	err error
}

func (h *host) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	return workload.Observation{At: time.Now(), Instances: []workload.Instance{{Name: "web", Current: true, Running: true}}}, h.err
}

// A look that is old is not what runs now, and a sentence about what runs has its time.
func TestWhatRunsIsToldWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{}
		w := sight.Workload{HostName: "D601", Host: h}
		seen, err := w.Look(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		now := w.Latest(t.Context(), seen, nil)
		time.Sleep(time.Hour)
		old := w.Running(seen)
		again := w.Latest(t.Context(), seen, nil)
		silent := fault.Transient(fault.HostUnreachable, "cut")
		cut := w.Latest(t.Context(), seen, silent)
		h.err = silent
		lost := w.Latest(t.Context(), seen, nil)
		for _, c := range []struct {
			got          workload.Running
			begins, ends string
		}{
			{now, "web runs ", ", seen 00:00:00Z"},
			{old, "not known: D601 was not asked again; at 00:00:00Z web runs ", ""},
			{again, "web runs ", ", seen 01:00:00Z"},
			{cut, "not known: D601 gives no answer; at 00:00:00Z web runs ", ""},
			{lost, "not known: D601 could not be asked; at 00:00:00Z web runs ", ""},
		} {
			if !strings.HasPrefix(c.got.Text, c.begins) || !strings.HasSuffix(c.got.Text, c.ends) {
				t.Errorf("%q, want %q … %q", c.got.Text, c.begins, c.ends)
			}
			fresh := strings.HasPrefix(c.begins, "web runs")
			if c.got.Host != "D601" || c.got.Known != fresh || c.got.Seen.IsZero() == fresh || (len(c.got.Instances) == 1) != fresh {
				t.Errorf("%q has the facts %+v", c.got.Text, c.got)
			}
		}
	})
}
