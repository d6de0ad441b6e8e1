package compose

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// lively is an engine that reports on itself, and on its containers' output.
type lively struct{ machine }

func (lively) Info(context.Context) (engine.Info, error) { return engine.Info{RootDir: "/"}, nil }

func (lively) Holding(context.Context, string) (string, error) { return "c-1", nil }

func (m lively) AllContainers(context.Context) ([]workload.Neighbour, error) {
	return []workload.Neighbour{{ID: m.found[0].ID}}, nil
}

func (m lively) Container(context.Context, string) (engine.Container, error) { return m.found[0], nil }

func (m lively) Logs(context.Context, string, engine.Output) ([]string, error) {
	return []string{"began as " + strings.Join(m.found[0].Env, " ")}, nil
}

// What is done by the project's files is refused when the guard refuses them; what runs is
// observed, and the way back does not depend on them.
func TestFilesThatAreNotGuardedChangeNothing(t *testing.T) {
	t.Parallel()
	r, asked, _ := live(t, func(*workload.Spec) {})
	var guarded []string
	refusal := fault.New(fault.PathRefused, "anybody wrote them")
	r.config.Guard = func(paths ...string) error {
		guarded = paths
		return refusal
	}
	spec, err := r.Placement(workloadtest.Ref("unidesk", "sample"))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := r.Observe(t.Context(), spec.Ref, true)
	if err != nil || !errors.Is(seen.Unread, refusal) || len(seen.Instances) != 2 || asked.Load() != 1 {
		t.Errorf("observed: %v, %+v", err, seen)
	}
	if want := append(r.config.files(), r.config.EnvFile); !slices.Equal(guarded, want) {
		t.Errorf("asked for %q, want %q", guarded, want)
	}
	if _, _, err := r.Snapshot(t.Context(), spec, workload.Change{}); !errors.Is(err, refusal) {
		t.Errorf("snapshot: %v", err)
	}
	if err := r.up(t.Context(), spec, nil); !errors.Is(err, refusal) {
		t.Errorf("up: %v", err)
	}
	if _, err := r.Logs(t.Context(), spec.Ref, nil, seen.Instances[0].ID, workload.Tail{Lines: 1}); err != nil {
		t.Errorf("logs: %v", err)
	}
}

// tags is a stager that keeps the tags it was asked for.
type tags []string

func (t *tags) Stage(_ context.Context, _ artifact.Pinned, tag string, _ func(workload.Event)) error {
	*t = append(*t, tag)
	return nil
}

// live is a runtime with a service that runs and answers, as the configuration of
// its host has it. Both its env file and its container have keys that are called
// like a deploy's, with a prefix and without a prefix.
func live(t *testing.T, place func(*workload.Spec)) (r *Runtime, asked *atomic.Int32, staged *tags) {
	t.Helper()
	asked = &atomic.Int32{}
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(`{"ok":true}`))
	}))
	t.Cleanup(health.Close)
	at := netip.MustParseAddrPort(health.Listener.Addr().String())
	r = fake(t, "SECRET=hunter2\nCOMMIT=nobodys\nUNIDESK_SAMPLE_DEPLOY_COMMIT=0123\n", `cat project.json`)
	put(t, r, "project.json", `{"services":{"sample":{"image":"sample","container_name":"sample-backend"}}}`)
	r.engine = lively{machine{found: []engine.Container{{
		ID: "c0ffee", Name: "sample-backend", Running: true, Addresses: []netip.Addr{at.Addr()},
		Labels: map[string]string{"com.docker.compose.project": "unidesk", "com.docker.compose.service": "sample"},
		Env:    engine.Env{"COMMIT=nobodys", "UNIDESK_SAMPLE_DEPLOY_COMMIT=0123", "GIVEN=hunter3"},
	}, {ID: "decaf", Name: "0123456789ab_sample-backend"}}}}
	staged = &tags{}
	r.stager = staged
	spec := workload.Spec{
		Ref: workloadtest.Ref("unidesk", "sample"), KeyPrefix: "UNIDESK_SAMPLE_DEPLOY_", Secrets: []string{"SECRET"},
		Probe: workload.Probe{Port: int(at.Port()), Path: "/health"}, Compose: &workload.ComposeSpec{ContainerName: "sample-backend", Image: "sample"},
	}
	place(&spec)
	r.config.Workloads, r.config.Placing = []workload.Spec{spec}, "say in agent.yaml how it is placed"
	return r, asked, staged
}

func TestAPlacedWorkloadIsObservedWithStampsAndHealth(t *testing.T) {
	t.Parallel()
	r, asked, staged := live(t, func(*workload.Spec) {})
	spec := r.config.Workloads[0]
	seen, err := r.Observe(t.Context(), spec.Ref, true)
	if err != nil {
		t.Fatal(err)
	}
	stamps := map[string]string{workload.KeyCommit: "0123"}
	if d := cmp.Diff(spec, seen.Placement, cmp.AllowUnexported(workload.Ref{})) + cmp.Diff(stamps, seen.Stamped); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]workload.Secret{{Name: "SECRET", Present: true, Length: 7}}, seen.Secrets); d != "" {
		t.Error(d)
	}
	in := seen.Instances[0]
	if d := cmp.Diff(stamps, in.Stamped); d != "" || in.Health == nil || !in.Health.OK || asked.Load() != 1 {
		t.Errorf("%s, health %+v, asked %d times", d, in.Health, asked.Load())
	}
	if seen.Holds == nil || seen.Holds.Change != "c-1" {
		t.Errorf("what holds its old image: %+v", seen.Holds)
	}
	if seen, err := r.Observe(t.Context(), spec.Ref, false); err != nil || seen.Instances[0].Health != nil || asked.Load() != 1 {
		t.Errorf("without a probe: %v, asked %d times", err, asked.Load())
	}
	if got, err := r.Placement(spec.Ref); err != nil || got.Compose != spec.Compose {
		t.Errorf("%+v, %v", got, err)
	}
	image := workloadtest.FakeImages(t, 1)[0].Pinned
	if err := r.Stage(t.Context(), spec.Ref, image, func(workload.Event) {}); err != nil || len(*staged) != 1 || (*staged)[0] != "sample:"+image.Commit.String() {
		t.Errorf("%v, staged %q", err, *staged)
	}
}

// The configuration only names the workload. The runtime sees what runs, and does not
// guess what the configuration lacks.
func TestAWorkloadThatIsNotPlacedIsObservedAndNoMore(t *testing.T) {
	t.Parallel()
	r, asked, staged := live(t, func(s *workload.Spec) { *s = workload.Spec{Ref: s.Ref} })
	ref := r.config.Workloads[0].Ref
	seen, err := r.Observe(t.Context(), ref, true)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(workload.Spec{Ref: ref}, seen.Placement, cmp.AllowUnexported(workload.Ref{})); d != "" {
		t.Error(d)
	}
	if seen.Stamped != nil || len(seen.Secrets) > 0 || len(seen.Instances) != 2 || seen.Basis != "c0ffee" {
		t.Errorf("%+v", seen)
	}
	for _, in := range seen.Instances {
		if in.Stamped != nil || in.Health != nil || in.Unit != "sample" || in.Current != (in.ID == "c0ffee") {
			t.Errorf("%+v", in)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("its health was asked for %d times", n)
	}
	if d := seen.Compose(); d.Image != "sample" || d.ContainerName != "sample-backend" {
		t.Errorf("%+v", d)
	}
	out, err := r.Logs(t.Context(), ref, nil, "c0ffee", workload.Tail{Lines: 1})
	if err != nil || strings.Join(out.Lines, "") != "began as COMMIT=[redacted] UNIDESK_SAMPLE_DEPLOY_COMMIT=[redacted] GIVEN=[redacted]" {
		t.Errorf("%q, %v", out.Lines, err)
	}
	if all, err := r.Neighbours(t.Context(), ref); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	_, placement := r.Placement(ref)
	stage := r.Stage(t.Context(), ref, workloadtest.FakeImages(t, 1)[0].Pinned, func(workload.Event) {})
	for act, err := range map[string]error{"placement": placement, "stage": stage} {
		if fault.ReasonOf(err) != fault.WorkloadUnfit || fault.HintOf(err) != r.config.Placing || !strings.Contains(err.Error(), "compose-unidesk.sample") {
			t.Errorf("%s: %v (%s, %q)", act, err, fault.ReasonOf(err), fault.HintOf(err))
		}
	}
	if len(*staged) > 0 {
		t.Errorf("staged %q", *staged)
	}
}

func TestAWorkloadThatTheConfigurationDoesNotNameIsNotThere(t *testing.T) {
	t.Parallel()
	r, _, staged := live(t, func(*workload.Spec) {})
	kubernetes, err := workload.NewRef(workload.Kubernetes, "unidesk", "sample")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []workload.Ref{workloadtest.Ref("unidesk", "beside"), workloadtest.Ref("other", "sample"), kubernetes, {}} {
		_, observe := r.Observe(t.Context(), ref, true)
		_, neighbours := r.Neighbours(t.Context(), ref)
		_, logs := r.Logs(t.Context(), ref, nil, "c0ffee", workload.Tail{Lines: 1})
		_, placement := r.Placement(ref)
		stage := r.Stage(t.Context(), ref, artifact.Pinned{}, func(workload.Event) {})
		for act, err := range map[string]error{"observe": observe, "neighbours": neighbours, "logs": logs, "placement": placement, "stage": stage} {
			if fault.ReasonOf(err) != fault.WorkloadNotFound {
				t.Errorf("%s %s: %v (%s)", act, ref, err, fault.ReasonOf(err))
			}
		}
	}
	if len(*staged) > 0 {
		t.Errorf("staged %q", *staged)
	}
}

func TestAConfigurationOfAnothersWorkloadsIsRefused(t *testing.T) {
	t.Parallel()
	kubernetes, err := workload.NewRef(workload.Kubernetes, "unidesk", "sample")
	if err != nil {
		t.Fatal(err)
	}
	ours := sample()
	for name, tt := range map[string]struct {
		spec workload.Spec
		ok   bool
	}{
		"placed":                 {ours, true},
		"not placed":             {workload.Spec{Ref: ours.Ref}, true},
		"of another project":     {workload.Spec{Ref: workloadtest.Ref("other", "sample"), Compose: ours.Compose}, false},
		"of another runtime":     {workload.Spec{Ref: kubernetes, Compose: ours.Compose}, false},
		"placed in another, too": {workload.Spec{Ref: ours.Ref, Compose: ours.Compose, Kubernetes: &workload.KubernetesSpec{}}, false},
		"without a name":         {workload.Spec{Compose: ours.Compose}, false},
	} {
		root := t.TempDir()
		c := Config{Root: root, Project: "unidesk", Files: []string{"a.yml"}, EnvFile: filepath.Join(root, "c.env"), Workloads: []workload.Spec{sample(), tt.spec}}
		err := c.Validate()
		if tt.ok != (err == nil) || !tt.ok && fault.ReasonOf(err) != fault.ConfigInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
