package confirm_test

import (
	"context"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// meanwhile is a host on which something happened to the instances after the proof.
type meanwhile struct {
	*confirmtest.Host
	happened func([]workload.Instance) []workload.Instance
}

func (h *meanwhile) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	seen, err := h.Host.Observe(ctx, ref, probe)
	if err == nil {
		seen.Instances = h.happened(seen.Instances)
	}
	return seen, err
}

func TestOnlyWhatWasProvenIsKept(t *testing.T) {
	t.Parallel()
	more := func(all []workload.Instance, current bool) []workload.Instance {
		other := all[0]
		other.ID, other.Current = "another", current
		return append(all, other)
	}
	for name, c := range map[string]struct {
		happened func([]workload.Instance) []workload.Instance
		unproven bool
		want     fault.Reason
	}{
		"nothing":               {happened: func(all []workload.Instance) []workload.Instance { return all }},
		"a leftover is there":   {happened: func(all []workload.Instance) []workload.Instance { return more(all, false) }},
		"a second copy runs":    {happened: func(all []workload.Instance) []workload.Instance { return more(all, true) }, want: fault.Stale},
		"the copy stopped":      {happened: func(all []workload.Instance) []workload.Instance { all[0].Running = false; return all }, want: fault.Stale},
		"it was restarted":      {happened: func(all []workload.Instance) []workload.Instance { all[0].Restarts++; return all }, want: fault.Stale},
		"it was started anew":   {happened: func(all []workload.Instance) []workload.Instance { all[0].Started = time.Now(); return all }, want: fault.Stale},
		"it was created anew":   {happened: func(all []workload.Instance) []workload.Instance { all[0].ID = "another"; return all }, want: fault.Stale},
		"nothing runs any more": {happened: func([]workload.Instance) []workload.Instance { return nil }, want: fault.Stale},
		"nothing was proven":    {happened: func([]workload.Instance) []workload.Instance { return nil }, unproven: true, want: fault.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
				t.Fatal(err)
			}
			s := workload.Settlement{ChangeID: "b", Outcome: workload.Keep, Proven: w.running(t)}
			if c.unproven {
				s.Proven = nil
			}
			err := confirm.New(&meanwhile{w.host, c.happened}, w.dir).Settle(t.Context(), w.spec.Ref, s, ignore)
			if kept := w.observe(t).Pending == nil; kept != (c.want == "") || err != nil && fault.ReasonOf(err) != c.want {
				t.Errorf("kept: %v, %v, want %q", kept, err, c.want)
			}
		})
	}
}

// A pod of a proven ReplicaSet may take another's place, as no container may.
func TestPodsOfTheProvenReplicaSetAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happened func(pods []workload.Instance) []workload.Instance
		want     fault.Reason
	}{
		"scaled up":           {happened: func(p []workload.Instance) []workload.Instance { return append(p, pod(p[0], "new", "web-1")) }},
		"scaled down":         {happened: func(p []workload.Instance) []workload.Instance { return p[1:] }},
		"all are replaced":    {happened: func(p []workload.Instance) []workload.Instance { return []workload.Instance{pod(p[0], "new", "web-1")} }},
		"a pod starts":        {happened: func(p []workload.Instance) []workload.Instance { p[0].Running = false; return p }},
		"of another":          {happened: func(p []workload.Instance) []workload.Instance { return append(p, pod(p[0], "new", "web-2")) }, want: fault.Stale},
		"all of another":      {happened: func(p []workload.Instance) []workload.Instance { return []workload.Instance{pod(p[0], "new", "web-2")} }, want: fault.Stale},
		"a pod was restarted": {happened: func(p []workload.Instance) []workload.Instance { p[0].Restarts++; return p }, want: fault.Stale},
		"of another image": {happened: func(p []workload.Instance) []workload.Instance {
			n := pod(p[0], "new", "web-1")
			n.Config = artifact.DigestOf(nil)
			return append(p, n)
		}, want: fault.Stale},
		"nothing runs":      {happened: func([]workload.Instance) []workload.Instance { return nil }, want: fault.Stale},
		"none of them runs": {happened: func(p []workload.Instance) []workload.Instance { p[0].Running, p[1].Running = false, false; return p }, want: fault.Stale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
				t.Fatal(err)
			}
			pods := func(all []workload.Instance) []workload.Instance {
				return []workload.Instance{pod(all[0], "first", "web-1"), pod(all[0], "second", "web-1")}
			}
			s := workload.Settlement{ChangeID: "b", Outcome: workload.Keep}
			for _, in := range pods(w.observe(t).Instances) {
				s.Proven = append(s.Proven, in.Copy())
			}
			target := confirm.New(&meanwhile{w.host, func(all []workload.Instance) []workload.Instance { return c.happened(pods(all)) }}, w.dir)
			err := target.Settle(t.Context(), w.spec.Ref, s, ignore)
			if kept := w.observe(t).Pending == nil; kept != (c.want == "") || err != nil && fault.ReasonOf(err) != c.want {
				t.Errorf("kept: %v, %v, want %q", kept, err, c.want)
			}
		})
	}
}

func pod(of workload.Instance, id, revision string) workload.Instance {
	of.ID, of.Revision = id, revision
	return of
}

func TestALeaseThatIsNotRenewedIsNotProlonged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.target()
	target.Lease = time.Hour
	if err := target.Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	var until [2]time.Time
	for i := range until {
		seen, err := target.Observe(t.Context(), w.spec.Ref, false)
		if err != nil || seen.Pending == nil {
			t.Fatalf("%+v, %v", seen.Pending, err)
		}
		until[i] = seen.Pending.HeldUntil
	}
	if !until[0].Equal(until[1]) {
		t.Errorf("it lasts until %v, and a look later until %v", until[0], until[1])
	}
}

func TestAnOutcomeThatIsNoneSettlesNothing(t *testing.T) {
	t.Parallel()
	for _, outcome := range []workload.Outcome{"", "perhaps"} {
		w := newWorld(t)
		if err := w.target().Switch(t.Context(), w.change(t, 1, "b"), ignore); err != nil {
			t.Fatal(err)
		}
		s := workload.Settlement{ChangeID: "b", Outcome: outcome, Proven: w.running(t)}
		if err := w.target().Settle(t.Context(), w.spec.Ref, s, ignore); fault.ReasonOf(err) != fault.InvalidRequest {
			t.Errorf("%q: %v, want %s", outcome, err, fault.InvalidRequest)
		}
		if w.observe(t).Pending == nil {
			t.Errorf("%q settled the change", outcome)
		}
	}
}
