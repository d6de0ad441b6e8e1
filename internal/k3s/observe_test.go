package k3s_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/pull"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

var (
	_ k3s.Images   = (*cri.Store)(nil)
	_ k3s.Cluster  = (*kube.Cluster)(nil)
	_ k3s.Registry = (*pull.Registry)(nil)
)

func TestHealthIsAskedWhenOnlyTheNewestRevisionCanAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.images[0].Commit.String()
	body := fmt.Sprintf(`{"ok":true,"ready":true,"deploy":{"commit":%q,"requestedCommit":%q}}`, commit, commit)
	w.node.Health = func(service string) kube.Answer {
		if service != "web" {
			t.Errorf("%s was asked", service)
		}
		return kube.Answer{Status: 200, Body: []byte(body)}
	}
	want := &workload.Health{Status: 200, OK: true, Commit: commit, RequestedCommit: commit, Flags: map[string]bool{"ready": true}}
	health := func(unit string) *workload.Health { return w.observe().Unit(unit).Health }
	if d := cmp.Diff(want, health("web")); d != "" {
		t.Error(d)
	}
	if health("worker") != nil {
		t.Error("a Deployment without a Service was asked")
	}
	if seen, err := w.target().Observe(t.Context(), w.spec.Ref, false); err != nil || seen.Unit("web").Health != nil {
		t.Errorf("it was asked unbidden: %v", err)
	}
	body = "<html>"
	if h := health("web"); h.Status != 200 || h.Error == "" {
		t.Errorf("%+v", h)
	}
	w.node.Health = func(string) kube.Answer { return kube.Answer{Unreached: "no endpoints available for service web"} }
	if h := health("web"); h.Status != 0 || h.Error != "no endpoints available for service web" {
		t.Errorf("%+v", h)
	}
	w.node.Leftover("web", w.ref(0))
	if health("web") != nil {
		t.Error("a pod of an older revision could have answered")
	}
	w.node.Settle()
	w.node.Crash("web")
	if health("web") != nil {
		t.Error("no pod is ready, and it was asked")
	}
}

func TestTheBasisIsWhatAChangeReplacesAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.observe().Basis
	if first == "" {
		t.Fatal("no basis")
	}
	w.node.Touch("web")
	w.node.Crash("worker")
	if got := w.observe().Basis; got != first {
		t.Error("it moves with the status")
	}
	seen := map[workload.Basis]string{first: "nothing"}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"an edit", func() { w.node.Edit("worker", "A", "b") }},
		{"a Deployment made anew", func() { w.node.Recreate("web") }},
		{"another password", func() { w.node.Put("password", "x") }},
		{"another setting", func() { w.node.Put("user", "x") }},
		{"another key", func() { w.node.Put("beside", "x") }},
		{"a Deployment's end", func() { w.node.Delete("worker") }},
	} {
		c.do()
		got := w.observe().Basis
		if was, ok := seen[got]; ok {
			t.Errorf("%s makes the basis of %s", c.name, was)
		}
		seen[got] = c.name
	}
	w.node.Delete("web")
	if got := w.observe().Basis; got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestWhatTheClusterLacksIsAFact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Delete("worker")
	w.node.LoseSecret()
	seen := w.observe()
	if seen.Unit("worker").Deployment != nil || seen.Unit("web").Deployment == nil {
		t.Errorf("%+v", seen.Units)
	}
	if d := cmp.Diff([]string{"secret unidesk-dev/auth"}, seen.Missing); d != "" {
		t.Error(d)
	}
	w.fails(w.apply(w.change(1, "b")), fault.WorkloadUnfit, "is not there")
}

func TestLogsAreThoseOfTheRunThatCrashed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Output = "TOKEN=" + secret + "\n"
	read := func(id string) ([]string, error) {
		out, err := w.target().Logs(t.Context(), w.spec.Ref, id, workload.Tail{Lines: 5})
		return out.Lines, err
	}
	pod := w.observe().Of("web")[0]
	lines, err := read(pod.ID)
	w.must(err)
	if d := cmp.Diff([]string{"hello from app of " + pod.Name, "TOKEN=[redacted]"}, lines); d != "" {
		t.Error(d)
	}
	w.node.Crash("web")
	lines, err = read(pod.ID)
	w.must(err)
	if d := cmp.Diff([]string{"the last words of app", "TOKEN=[redacted]"}, lines); d != "" {
		t.Error(d)
	}
	w.node.Before = at("Logs", 1, func() error { return fault.New(fault.RolloutFailed, "there is no previous container") })
	lines, err = read(pod.ID)
	if w.must(err); lines[0] != "hello from app of "+pod.Name {
		t.Errorf("%q", lines)
	}
	w.alive()
	_, err = read("another")
	w.fails(err, fault.WorkloadNotFound, "pod another is not one of")
	// Without the values there is nothing to scrub with.
	w.node.Before = at("Configuration", 1, silent)
	_, err = read(pod.ID)
	w.fails(err, fault.KubernetesUnavailable)
}

func TestLogsHaveNeitherTheFormerNorThePresentValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.node.Output = "password " + was + ", then " + password + "\n"
	w.ill("worker", 1, "ErrImagePull: no")
	c := w.change(1, "b")
	w.fails(w.apply(c), fault.RolloutFailed)
	for _, in := range w.observe().Instances {
		out, err := w.target().Logs(t.Context(), w.spec.Ref, in.ID, workload.Tail{Lines: 5})
		w.must(err)
		if got := out.Lines[len(out.Lines)-1]; got != "password [redacted], then [redacted]" {
			t.Errorf("%s (current: %t): %q", in.Name, in.Current, got)
		}
	}
}

func TestAWorkloadWithoutDeploymentsIsNoWorkloadOfKubernetes(t *testing.T) {
	t.Parallel()
	compose := workload.Spec{Ref: spec().Ref, Kubernetes: &workload.KubernetesSpec{}}
	_, err := k3s.New(k3s.Config{Workloads: []workload.Spec{compose}}, nil, nil, nil)
	if fault.ReasonOf(err) != fault.ConfigInvalid {
		t.Error(err)
	}
	bare := workload.Spec{Ref: spec().Ref}
	r, err := k3s.New(k3s.Config{Workloads: []workload.Spec{bare}, Placing: "place it"}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Placement(bare.Ref)
	if fault.ReasonOf(err) != fault.WorkloadUnfit || fault.HintOf(err) != "place it" {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}
