package workloadtest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func firstKept(t *testing.T, s *suite) {
	s.stage(t, 0)
	c := s.plan(t, 0)
	wantPoints(t, s.apply(t, c), switchPoints()...)
	all := s.wantVersion(t, 0)
	seen := s.observe(t, true)
	if seen.Pending == nil || seen.Pending.Change.ID != c.ID || seen.Pending.Before.Basis != s.first.Basis {
		t.Fatalf("pending: %+v", seen.Pending)
	}
	if d := cmp.Diff(c.Stamps, seen.Stamped); d != "" {
		t.Errorf("stamps: %s", d)
	}
	s.settle(t, c.ID, workload.Keep)
	s.wantSame(t, all, s.wantVersion(t, 0))
	seen = s.observe(t, false)
	if seen.Pending != nil || seen.Last == nil || seen.Last.ChangeID != c.ID || seen.Last.Outcome != workload.Keep || seen.Last.Commit != c.Image.Commit {
		t.Errorf("pending %+v, last %+v", seen.Pending, seen.Last)
	}
}

func firstReverted(t *testing.T, s *suite) {
	s.stage(t, 0)
	c := s.plan(t, 0)
	s.apply(t, c)
	s.settle(t, c.ID, workload.Revert)
	s.wantFirst(t)
	seen := s.observe(t, false)
	if d := cmp.Diff(s.first.Stamped, seen.Stamped, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("stamps: %s", d)
	}
	if seen.Pending != nil || seen.Last == nil || seen.Last.Outcome != workload.Revert {
		t.Errorf("pending %+v, last %+v", seen.Pending, seen.Last)
	}
	s.deploy(t, 0)
}

func reverted(t *testing.T, s *suite) {
	old := s.deploy(t, 0)
	was := s.observe(t, false)
	s.stage(t, 1)
	c := s.plan(t, 1)
	s.apply(t, c)
	seen := s.observe(t, false)
	want := workload.Before{Basis: was.Basis, Running: true, ImageID: old[0].ImageID, Config: old[0].Config, Commit: s.Images[0].Commit.String()}
	if d := cmp.Diff(want, seen.Pending.Before, cmp.Comparer(sameText[interface{ String() string }])); d != "" {
		t.Errorf("before: %s", d)
	}
	s.wantVersion(t, 1)
	s.settle(t, c.ID, workload.Revert)
	if d := cmp.Diff(images(old), images(s.wantVersion(t, 0))); d != "" {
		t.Errorf("images: %s", d)
	}
	if d := cmp.Diff(was.Stamped, s.observe(t, false).Stamped, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("stamps: %s", d)
	}
	s.deploy(t, 1)
}

func sameText[T interface{ String() string }](a, b T) bool { return a.String() == b.String() }

func revertedByNext(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.stage(t, 1)
	c := s.plan(t, 1)
	s.apply(t, c)
	s.Target = s.Reopen()
	if seen := s.observe(t, false); seen.Pending == nil || seen.Pending.Change.ID != c.ID {
		t.Fatalf("the next process does not know the change: %+v", seen.Pending)
	}
	s.settle(t, c.ID, workload.Revert)
	s.wantVersion(t, 0)
}

func revertTwice(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.stage(t, 1)
	c := s.plan(t, 1)
	s.apply(t, c)
	s.settle(t, c.ID, workload.Revert)
	all := s.wantVersion(t, 0)
	s.settle(t, c.ID, workload.Revert)
	s.wantSame(t, all, s.wantVersion(t, 0))
}

func stale(t *testing.T, s *suite) {
	all := s.deploy(t, 0)
	s.stage(t, 1)
	c := s.plan(t, 1)
	c.Basis = workload.Basis(strings.Repeat("0", 64))
	s.wantReason(t, s.Target.Switch(t.Context(), c, ignore), fault.Stale)
	c.Basis = ""
	s.wantReason(t, s.Target.Switch(t.Context(), c, ignore), fault.Stale)
	s.wantSame(t, all, s.wantVersion(t, 0))
	if s.observe(t, false).Pending != nil {
		t.Error("a change is pending")
	}
}

func oneAtATime(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.stage(t, 1)
	s.stage(t, 2)
	first := s.plan(t, 1)
	second := s.plan(t, 2)
	s.apply(t, first)
	all := s.wantVersion(t, 1)
	second.Basis = s.observe(t, false).Basis
	err := s.Reopen().Switch(t.Context(), second, ignore)
	s.wantReason(t, err, fault.ChangePending)
	if by, until := fault.HolderOf(err); by != first.Holder || until.IsZero() || !strings.Contains(err.Error(), first.Holder) {
		t.Errorf("the holder is not named, or its time: %q, %s: %v", by, until, err)
	}
	s.wantSame(t, all, s.wantVersion(t, 1))
}

func attaches(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.stage(t, 1)
	c := s.plan(t, 1)
	s.apply(t, c)
	all := s.wantVersion(t, 1)
	s.Target = s.Reopen()
	wantPoints(t, s.apply(t, c), workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointSwitch)
	s.wantSame(t, all, s.wantVersion(t, 1))
	s.settle(t, c.ID, workload.Revert)
	s.wantVersion(t, 0)
}

func forced(t *testing.T, s *suite) {
	old := s.deploy(t, 0)
	c := s.plan(t, 0)
	c.Stamps = s.observe(t, false).Stamped // even the time is the same
	s.apply(t, c)
	s.settle(t, c.ID, workload.Keep)
	for i, in := range s.wantVersion(t, 0) {
		if in.ID == old[i].ID {
			t.Errorf("%s was not recreated", in.Name)
		}
	}
}

func notAgain(t *testing.T, s *suite) {
	s.stage(t, 0)
	c := s.plan(t, 0)
	s.apply(t, c)
	s.settle(t, c.ID, workload.Revert)
	s.wantReason(t, s.Target.Switch(t.Context(), c, ignore), fault.Stale)
	s.wantFirst(t)
}

func notStaged(t *testing.T, s *suite) {
	all := s.deploy(t, 0)
	c := s.plan(t, 1)
	s.wantReason(t, s.Target.Switch(t.Context(), c, ignore), fault.ImageUnavailable)
	s.wantSame(t, all, s.wantVersion(t, 0))
	if s.observe(t, false).Pending != nil {
		t.Error("a change is pending")
	}
}
