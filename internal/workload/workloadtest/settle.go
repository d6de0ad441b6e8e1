package workloadtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func settling(t *testing.T, s *suite) {
	settle := func(id string, o workload.Outcome) error {
		return s.Target.Settle(t.Context(), s.Spec, workload.Settlement{ChangeID: id, Outcome: o}, ignore)
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
	for name, ref := range map[string]workload.ComposeRef{
		"service": {Project: s.Spec.Ref.Compose.Project, Service: "nobody"},
		"project": {Project: "nobodys", Service: s.Spec.Ref.Compose.Service},
	} {
		spec := s.Spec
		spec.Ref = workload.Ref{Compose: &ref}
		_, err := s.Target.Observe(t.Context(), spec, false)
		if err == nil || fault.ReasonOf(err) != fault.WorkloadNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ref := range []workload.Ref{{}, {Compose: &workload.ComposeRef{Project: "../x", Service: "y"}}, {Compose: &workload.ComposeRef{Project: "x", Service: "--y"}}} {
		spec := s.Spec
		spec.Ref = ref
		_, err := s.Target.Observe(t.Context(), spec, false)
		if err == nil || fault.ReasonOf(err) != fault.InvalidRequest {
			t.Errorf("%+v: %v", ref, err)
		}
	}
}

func secrets(t *testing.T, s *suite) {
	s.deploy(t, 0)
	seen := s.observe(t, true)
	want := []workload.Secret{
		{Name: s.Spec.Secrets[0], Present: true, Length: len(s.Secret)},
		{Name: s.Spec.Secrets[1]},
	}
	if d := cmp.Diff(want, seen.Secrets); d != "" {
		t.Error(d)
	}
	s.noSecret(t, seen)
}

func retired(t *testing.T, s *suite) {
	s.deploy(t, 0)
	s.deploy(t, 1)
	s.deploy(t, 2, s.Images[0].Commit)
	if err := s.Target.Switch(t.Context(), s.plan(t, 0), ignore); fault.ReasonOf(err) != fault.ArtifactNotFound {
		t.Errorf("version 0 is still there: %v", err)
	}
	// What runs stays, though somebody says that it need not.
	s.deploy(t, 3, s.Images[3].Commit, s.Images[2].Commit)
	s.wantVersion(t, 3)
	s.deploy(t, 0)
}

func told(t *testing.T, s *suite) {
	s.stage(t, 0)
	c := s.plan(t, 0)
	c.FlagsBefore = map[string]bool{"auth.loggedIn": true}
	s.apply(t, c)
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
	in := s.deploy(t, 0)
	all, err := s.Target.Containers(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c workload.Container) bool { return c.ID == in.ID })
	if i < 0 {
		t.Fatalf("its own is not among %+v", all)
	}
	ref := s.Spec.Ref.Compose
	want := workload.Container{ID: in.ID, Name: in.Name, Project: ref.Project, Service: ref.Service, Running: true, Started: in.Started}
	if d := cmp.Diff(want, all[i]); d != "" {
		t.Error(d)
	}
	s.noSecret(t, all)
	spec := s.Spec
	spec.Ref = workload.Ref{Compose: &workload.ComposeRef{Project: "nobodys", Service: ref.Service}}
	if _, err := s.Target.Containers(t.Context(), spec); fault.ReasonOf(err) != fault.WorkloadNotFound {
		t.Errorf("of another project: %v", err)
	}
}

func logs(t *testing.T, s *suite) {
	in := s.deploy(t, 0)
	lines, err := s.Target.Logs(t.Context(), s.Spec, in.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) == 0 || len(lines) > 10 {
		t.Errorf("%d lines: %q", len(lines), strings.Join(lines, "\n"))
	}
	s.noSecret(t, lines)
}
