package workloadtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func settling(t *testing.T, s *suite) {
	settle := func(id string, o workload.Outcome) error {
		return s.Target.Settle(t.Context(), s.Spec.Ref, s.settlement(t, id, o), ignore)
	}
	s.wantReason(t, settle("nobodys", workload.Keep), fault.ChangeNotFound)
	s.wantReason(t, settle("nobodys", workload.Revert), fault.ChangeNotFound)
	s.stage(t, 0)
	c := s.plan(t, 0)
	s.apply(t, c)
	s.wantReason(t, settle("nobodys", workload.Revert), fault.ChangeNotFound)
	s.wantReason(t, settle(c.ID, "perhaps"), fault.InvalidRequest)
	s.settle(t, c.ID, workload.Keep)
	s.settle(t, c.ID, workload.Keep)
	s.wantReason(t, settle(c.ID, workload.Revert), fault.Stale)
	s.wantVersion(t, 0)
}

func notThere(t *testing.T, s *suite) {
	own, other := s.Spec.Ref, workload.Kubernetes
	if own.Runtime() == other {
		other = workload.Compose
	}
	for name, ref := range map[string]workload.Ref{
		"name": newRef(own.Runtime(), own.Scope(), "nobody"), "scope": newRef(own.Runtime(), "nobodys", own.Name()),
		"runtime": newRef(other, own.Scope(), own.Name()),
	} {
		_, err := s.Target.Observe(t.Context(), ref, false)
		if err == nil || fault.ReasonOf(err) != fault.WorkloadNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.Target.Observe(t.Context(), workload.Ref{}, false)
	s.wantReason(t, err, fault.InvalidRequest)
}

// placed: the host reports by itself how the workload is named, stamped and asked.
func placed(t *testing.T, s *suite) {
	if d := cmp.Diff(s.Spec, s.observe(t, false).Placement, cmp.AllowUnexported(workload.Ref{})); d != "" {
		t.Error(d)
	}
}

// renewed: a run reports that it lives, for its own change and while it is pending.
func renewed(t *testing.T, s *suite) {
	ref := s.Spec.Ref
	s.wantReason(t, s.Target.Renew(t.Context(), ref, "nobodys"), fault.ChangeNotFound)
	s.stage(t, 0)
	c := s.plan(t, 0)
	s.apply(t, c)
	if err := s.Target.Renew(t.Context(), ref, c.ID); err != nil {
		t.Fatal(err)
	}
	s.wantReason(t, s.Target.Renew(t.Context(), ref, "nobodys"), fault.ChangeNotFound)
	s.settle(t, c.ID, workload.Keep)
	s.wantReason(t, s.Target.Renew(t.Context(), ref, c.ID), fault.ChangeNotFound)
}

// keptUnproven: what was not proven is not kept, and the change can still be ended.
func keptUnproven(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.stage(t, 1)
	c := s.plan(t, 1)
	s.apply(t, c)
	proven := copies(s.wantVersion(t, 1))
	keep := func(proven ...workload.Copy) error {
		return s.Target.Settle(t.Context(), s.Spec.Ref, workload.Settlement{ChangeID: c.ID, Outcome: workload.Keep, Proven: proven}, ignore)
	}
	rest, other, restarted := proven[1:], proven[0], proven[0]
	other.ID, other.Revision = strings.Repeat("0", 64), ""
	restarted.Restarts++
	s.wantReason(t, keep(), fault.InvalidRequest)
	s.wantReason(t, keep(append(rest, other)...), fault.Stale)
	s.wantReason(t, keep(append(rest, restarted)...), fault.Stale)
	s.wantReason(t, keep(append(proven, other)...), fault.Stale)
	if seen := s.observe(t, false); seen.Pending == nil || seen.Pending.Change.ID != c.ID {
		t.Fatalf("the change is not pending any more: %+v", seen.Last)
	}
	s.settle(t, c.ID, workload.Revert)
	s.wantVersion(t, 0)
}

func secrets(t *testing.T, s *suite) {
	s.deploy(t, 0)
	seen := s.observe(t, true)
	if d := cmp.Diff(s.Secrets, seen.Secrets); d != "" {
		t.Error(d)
	}
	s.noSecret(t, seen)
}

func retired(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.deploy(t, 1)
	s.deploy(t, 2, s.Images[0].Commit)
	if err := s.Target.Switch(t.Context(), s.plan(t, 0), ignore); fault.ReasonOf(err) != fault.ImageUnavailable {
		t.Errorf("version 0 is still there: %v", err)
	}
	// What runs stays, though the change retires it.
	s.deploy(t, 3, s.Images[3].Commit, s.Images[2].Commit)
	s.wantVersion(t, 3)
	s.deploy(t, 0)
}

func told(t *testing.T, s *suite) {
	s.stage(t, 0)
	c := s.plan(t, 0)
	c.FlagsBefore = map[string]bool{"auth.loggedIn": true}
	s.apply(t, c)
	c.Values = workload.Values{} // which no record has
	s.Target = s.Reopen()
	p := s.observe(t, false).Pending
	if d := cmp.Diff(c, p.Change, cmp.Comparer(sameText[interface{ String() string }])); d != "" {
		t.Error(d)
	}
	if p.Since.IsZero() || p.Failed != "" {
		t.Errorf("%+v", p)
	}
}

func beside(t *testing.T, s *suite) {
	in := s.deploy(t, 0)[0]
	all, err := s.Target.Neighbours(t.Context(), s.Spec.Ref)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c workload.Neighbour) bool { return c.ID == in.ID })
	if i < 0 {
		t.Fatalf("its own is not among %+v", all)
	}
	ref, started := s.Spec.Ref, all[i].Started
	// A pod starts before its containers do.
	if started.IsZero() || started.After(in.Started) {
		t.Errorf("it started %v, its container %v", started, in.Started)
	}
	want := workload.Neighbour{ID: in.ID, Name: in.Name, Scope: ref.Scope(), Group: in.Unit, Running: true, Started: started, Volumes: all[i].Volumes}
	if d := cmp.Diff(want, all[i]); d != "" {
		t.Error(d)
	}
	s.noSecret(t, all)
	if _, err := s.Target.Neighbours(t.Context(), newRef(ref.Runtime(), "nobodys", ref.Name())); fault.ReasonOf(err) != fault.WorkloadNotFound {
		t.Errorf("of another scope: %v", err)
	}
}

// found: the host finds an image that was staged, by its digests and no others.
func found(t *testing.T, s *suite) {
	s.stage(t, 0)
	image := s.Images[0].Pinned
	got, there, err := s.Target.FindImage(t.Context(), s.Spec.Ref, image)
	if err != nil || !there {
		t.Fatalf("%v, %v", there, err)
	}
	if got.Pinned != image || got.Platform.OS != "linux" || got.Labels[artifact.LabelRevision] != image.Commit.String() {
		t.Errorf("%+v", got)
	}
	image.Manifest, image.Config = artifact.DigestOf([]byte("another manifest")), artifact.DigestOf([]byte("another config"))
	if _, there, err := s.Target.FindImage(t.Context(), s.Spec.Ref, image); there || err != nil {
		t.Errorf("another image of the commit: %v, %v", there, err)
	}
	nobodys := newRef(s.Spec.Ref.Runtime(), "nobodys", s.Spec.Ref.Name())
	if _, _, err := s.Target.FindImage(t.Context(), nobodys, image); fault.ReasonOf(err) != fault.WorkloadNotFound {
		t.Errorf("of another scope: %v", err)
	}
}

func logs(t *testing.T, s *suite) {
	in := s.deploy(t, 0)[0]
	out, err := s.Target.Logs(t.Context(), s.Spec.Ref, in.ID, workload.Tail{Lines: 10})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Lines) == 0 || len(out.Lines) > 10 || out.Until.IsZero() {
		t.Errorf("%d lines until %v: %q", len(out.Lines), out.Until, strings.Join(out.Lines, "\n"))
	}
	s.noSecret(t, out.Lines)
	next, err := s.Target.Logs(t.Context(), s.Spec.Ref, in.ID, workload.Tail{Lines: 10, After: out.Until})
	if err != nil || next.Until.Before(out.Until) {
		t.Errorf("continued: %v, until %v after %v", err, next.Until, out.Until)
	}
	for _, line := range next.Lines { // each has its time
		if slices.Contains(out.Lines, line) {
			t.Errorf("twice: %s", line)
		}
	}
}
