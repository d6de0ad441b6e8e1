package rpc

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm/confirmtest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// pulling is a host in memory that takes images from a registry, by digest, as an
// agent's does: what crosses is no more than names.
type pulling struct {
	*confirmtest.Host
	registry []artifact.Image
}

func (p pulling) Stage(ctx context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	for _, i := range p.registry {
		if i.Manifest == image.Manifest && i.Config == image.Config && i.Commit == image.Commit && i.Repository == image.Repository {
			return p.Host.Stage(ctx, spec, i, emit)
		}
	}
	return fault.New(fault.ArtifactNotFound, "the registry has no %s", image.Manifest)
}

func sampleImages(t *testing.T) []artifact.Image {
	t.Helper()
	images := workloadtest.FakeImages(t, 4)
	for i := range images {
		images[i].Repository = repo()
	}
	return images
}

// serveWorkloads serves a target until the test ends.
func serveWorkloads(t *testing.T, target workload.Target) (agent, *Workloads) {
	t.Helper()
	s := NewWorkloads(target, slog.New(slog.DiscardHandler))
	a := serve(t, func(r *grpc.Server) {
		Register(r, fakeHost{Description{AgentVersion: "0.9"}}, nil, nil)
		s.Register(r)
	})
	t.Cleanup(s.Close)
	return a, s
}

func (a agent) workloads(t *testing.T) workload.Target {
	t.Helper()
	w := a.dial(t, Options{}).Workloads().(*remoteWorkloads)
	w.pause = time.Millisecond
	return w
}

func TestConformanceBehindAnAgent(t *testing.T) {
	t.Parallel()
	workloadtest.Run(t, func(t *testing.T) workloadtest.Harness {
		t.Helper()
		const secret = "hunter2-of-the-suite"
		spec := workloadtest.SampleSpec("fake")
		images := sampleImages(t)
		host := pulling{confirmtest.New(spec, map[string]string{spec.Secrets[0]: secret}), images}
		dir := filepath.Join(t.TempDir(), "state")
		reopen := func() workload.Target {
			a, _ := serveWorkloads(t, confirm.New(host, dir))
			return a.workloads(t)
		}
		return workloadtest.Harness{Target: reopen(), Reopen: reopen, Spec: spec, Secret: secret, Images: images}
	})
}

// trap is a target that nothing may reach.
type trap struct{ t *testing.T }

func (r trap) Observe(context.Context, workload.Spec, bool) (workload.Observation, error) {
	r.t.Error("observe was reached")
	return workload.Observation{}, nil
}

func (r trap) Containers(context.Context, workload.Spec) ([]workload.Container, error) {
	r.t.Error("containers was reached")
	return nil, nil
}

func (r trap) Stage(context.Context, workload.Spec, artifact.Image, func(workload.Event)) error {
	r.t.Error("stage was reached")
	return nil
}

func (r trap) Switch(context.Context, workload.Change, func(workload.Event)) error {
	r.t.Error("switch was reached")
	return nil
}

func (r trap) Settle(context.Context, workload.Spec, workload.Settlement, func(workload.Event)) error {
	r.t.Error("settle was reached")
	return nil
}

func (r trap) Logs(context.Context, workload.Spec, string, int) ([]string, error) {
	r.t.Error("logs was reached")
	return nil, nil
}

func sampleChange(t *testing.T) workload.Change {
	t.Helper()
	img := sampleImages(t)[0]
	spec := workloadtest.SampleSpec("fake")
	spec.Probe.Flags = []string{"auth.loggedIn"}
	return workload.Change{
		ID: "20260101T000000Z-deadbeef", Spec: spec, Commit: img.Commit, Manifest: img.Manifest, Config: img.Config,
		Saw: strings.Repeat("0a", 32), Env: map[string]string{workload.KeyCommit: img.Commit.String()},
		FlagsBefore: map[string]bool{"auth.loggedIn": true}, Deadline: time.Now().Add(time.Hour).UTC(), Holder: "somebody, run x",
	}
}

// steering are values that would steer whatever took them as they are.
func steering() []string {
	return []string{
		"", "-", "--flag", "-v", "../x", "a/../../b", "/etc/passwd", "a b", "a\nb", "a\x00b", "$(id)", "`id`", "${HOME}", "a;b", "a|b", "a&b", "'", `"`, "\x1b[2J",
		"a=b", "%2e%2e", "ä", strings.Repeat("a", 5000), "sha256:", "http://x", "@x", "*", "~root", "a\\b", "\u202e",
	}
}

func TestHostileRequestsDoNotReachTheTarget(t *testing.T) {
	t.Parallel()
	a, s := serveWorkloads(t, trap{t})
	stub := artifactv1.NewWorkloadServiceClient(a.dial(t, Options{}).conn)
	refused := func(t *testing.T, what, value string, m *artifactv1.Change) {
		t.Helper()
		stage := &artifactv1.StageRequest{
			Workload: m.GetWorkload(), ConfigDigest: m.GetConfigDigest(),
			Image: &artifactv1.Image{Repository: "unidesk/x", Commit: m.GetCommit(), ManifestDigest: m.GetManifestDigest()},
		}
		inWorkload := strings.HasPrefix(what, "workload.")
		check := func(rpc string, err error) {
			t.Helper()
			if r := fromStatus(err).Reason; r != fault.InvalidRequest && r != fault.CommitNotPinned {
				t.Errorf("%s with %s %.40q: %v", rpc, what, value, err)
			}
		}
		_, err := recvAll(stub.Switch(t.Context(), &artifactv1.SwitchRequest{Change: m}))
		check("switch", err)
		if inWorkload || what == "commit" || what == "manifest_digest" || what == "config_digest" {
			_, err = recvAll(stub.Stage(t.Context(), stage))
			check("stage", err)
		}
		if inWorkload || what == "id" {
			_, err = stub.Settle(t.Context(), &artifactv1.SettleRequest{Workload: m.GetWorkload(), ChangeId: m.GetId(), Outcome: artifactv1.Outcome_OUTCOME_KEEP})
			check("settle", err)
		}
		if inWorkload {
			_, err = stub.Observe(t.Context(), &artifactv1.ObserveRequest{Workload: m.GetWorkload()})
			check("observe", err)
			_, err = stub.ListContainers(t.Context(), &artifactv1.ListContainersRequest{Workload: m.GetWorkload()})
			check("list containers", err)
			_, err = stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: m.GetWorkload(), Instance: m.GetSaw(), Lines: 1})
			check("logs", err)
		}
	}
	// Empty means none, and free text may say anything that is printed as it stands.
	fine := map[string]func(string) bool{
		"saw": func(s string) bool { return s == "" },
		"env": func(s string) bool { return valueForm.MatchString(s) },
		"holder": func(s string) bool {
			return s != "" && isTold(s) && len(s) <= 512
		},
		"workload.probe.path": func(s string) bool { return s == "/etc/passwd" }, // of a URL
	}
	for what, set := range map[string]func(*artifactv1.Change, string){
		"workload.compose.project": func(c *artifactv1.Change, v string) { c.Workload.Compose.Project = v },
		"workload.compose.service": func(c *artifactv1.Change, v string) { c.Workload.Compose.Service = v },
		"workload.container":       func(c *artifactv1.Change, v string) { c.Workload.Container = v },
		"workload.image":           func(c *artifactv1.Change, v string) { c.Workload.Image = v },
		"workload.env_prefix":      func(c *artifactv1.Change, v string) { c.Workload.EnvPrefix = v },
		"workload.secrets":         func(c *artifactv1.Change, v string) { c.Workload.Secrets = []string{"A", v} },
		"workload.probe.path":      func(c *artifactv1.Change, v string) { c.Workload.Probe.Path = v },
		"workload.probe.flags":     func(c *artifactv1.Change, v string) { c.Workload.Probe.Flags = []string{v} },
		"id":                       func(c *artifactv1.Change, v string) { c.Id = v },
		"commit":                   func(c *artifactv1.Change, v string) { c.Commit = v },
		"manifest_digest":          func(c *artifactv1.Change, v string) { c.ManifestDigest = v },
		"config_digest":            func(c *artifactv1.Change, v string) { c.ConfigDigest = v },
		"saw":                      func(c *artifactv1.Change, v string) { c.Saw = v },
		"env":                      func(c *artifactv1.Change, v string) { c.Env[0].Value = v },
		"env's key":                func(c *artifactv1.Change, v string) { c.Env[0].Name = v },
		"flags_before":             func(c *artifactv1.Change, v string) { c.FlagsBefore[0].Name = v },
		"holder":                   func(c *artifactv1.Change, v string) { c.Holder = v },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for _, v := range steering() {
				m := changeToProto(sampleChange(t))
				if set(m, v); fine[what] != nil && fine[what](v) {
					continue
				}
				refused(t, what, v, m)
			}
		})
	}
	for what, set := range map[string]func(*artifactv1.Change){
		"no workload":             func(c *artifactv1.Change) { c.Workload = nil },
		"no compose":              func(c *artifactv1.Change) { c.Workload.Compose = nil },
		"no probe":                func(c *artifactv1.Change) { c.Workload.Probe = nil },
		"port 0":                  func(c *artifactv1.Change) { c.Workload.Probe.Port = 0 },
		"port 65536":              func(c *artifactv1.Change) { c.Workload.Probe.Port = 65536 },
		"a key twice":             func(c *artifactv1.Change) { c.Env = append(c.Env, c.Env[0]) },
		"no env":                  func(c *artifactv1.Change) { c.Env = nil },
		"a secret as a key":       func(c *artifactv1.Change) { c.Env[0].Name = "CLIENT_SECRET" },
		"a prefix without deploy": func(c *artifactv1.Change) { c.Workload.EnvPrefix = "DB_" },
		"no deadline":             func(c *artifactv1.Change) { c.Deadline = nil },
		"an endless deadline":     func(c *artifactv1.Change) { c.Deadline = timestamppb.New(time.Now().Add(1000 * time.Hour)) },
		"a deadline that is none": func(c *artifactv1.Change) { c.Deadline.Nanos = -1 },
		"a million flags":         func(c *artifactv1.Change) { c.FlagsBefore = slices.Repeat(c.FlagsBefore, 1000) },
		"a million secrets":       func(c *artifactv1.Change) { c.Workload.Secrets = slices.Repeat(c.Workload.Secrets, 1000) },
	} {
		m := changeToProto(sampleChange(t))
		set(m)
		refused(t, what, "", m)
	}
	good := changeToProto(sampleChange(t))
	for what, err := range map[string]error{
		"no outcome": second(stub.Settle(t.Context(), &artifactv1.SettleRequest{Workload: good.Workload, ChangeId: "x"})),
		"a retired commit": second(stub.Settle(t.Context(), &artifactv1.SettleRequest{
			Workload: good.Workload, ChangeId: "x", Outcome: artifactv1.Outcome_OUTCOME_KEEP, Retire: []string{"latest"},
		})),
		"no lines":       second(stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: good.Workload, Instance: good.Saw})),
		"too many lines": second(stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: good.Workload, Instance: good.Saw, Lines: 1001})),
		"no container":   second(stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: good.Workload, Instance: "web-1", Lines: 1})),
		"no image":       second(recvAll(stub.Stage(t.Context(), &artifactv1.StageRequest{Workload: good.Workload, ConfigDigest: good.ConfigDigest}))),
	} {
		if r := fromStatus(err).Reason; r != fault.InvalidRequest && r != fault.CommitNotPinned {
			t.Errorf("%s: %v", what, err)
		}
	}
	_ = s
}

func second[T any](_ T, err error) error { return err }

func recvAll[M any](s grpc.ServerStreamingClient[M], err error) (all []*M, _ error) {
	if err != nil {
		return nil, err
	}
	for {
		m, err := s.Recv()
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// seen is an observation in which everything is told.
func seen(t *testing.T) workload.Observation {
	t.Helper()
	at := time.Unix(1_700_000_000, 5).UTC()
	c := sampleChange(t)
	return workload.Observation{
		At: at, FreeBytes: 7, Platform: linux,
		Definition: workload.Definition{Image: "a", ContainerName: "b", PullPolicy: "never", Replicas: 1, References: []string{"X"}, LabelReferences: []string{"Y"}},
		Instances: []workload.Instance{{
			ID: c.Saw, Name: "n", ImageID: c.Config.String(), Image: "a", Created: at, Started: at, Running: true, ExitCode: -1, Restarts: 2,
			Config: c.Config, Labels: map[string]string{"l": "v"}, Env: map[string]string{workload.KeyCommit: "x"},
			Health: &workload.Health{Status: 200, Error: "e", OK: true, Commit: "c", RequestedCommit: "r", Flags: map[string]bool{"a.b": true}},
		}},
		Deployed: map[string]string{workload.KeyImage: "i"}, Secrets: []workload.Secret{{Name: "S", Present: true, Length: 3}},
		Pending: &workload.Pending{
			Change: c, Since: at, Failed: "no engine",
			Before: workload.Before{Container: c.Saw, Running: true, ImageID: "i", Commit: "x", Config: c.Config},
		},
		Last: &workload.Settled{ChangeID: "x", Commit: c.Commit, Outcome: workload.Revert, At: at},
	}
}

// told answers every question with the same.
type toldTarget struct {
	workload.Target
	seen       workload.Observation
	containers []workload.Container
	lines      []string
}

func (o toldTarget) Containers(context.Context, workload.Spec) ([]workload.Container, error) {
	return o.containers, nil
}

func (o toldTarget) Observe(context.Context, workload.Spec, bool) (workload.Observation, error) {
	return o.seen, nil
}

func (o toldTarget) Logs(context.Context, workload.Spec, string, int) ([]string, error) {
	return o.lines, nil
}

func TestAnObservationCrossesWhole(t *testing.T) {
	t.Parallel()
	want := seen(t)
	beside := []workload.Container{
		{ID: strings.Repeat("1", 64), Name: "web", Project: "p", Service: "s", Running: true, Started: want.At, Restarts: 3, Fleeting: true},
		{ID: strings.Repeat("2", 64), Name: "done"},
	}
	a, _ := serveWorkloads(t, toldTarget{seen: want, containers: beside, lines: []string{"a", "b\x1b[31m\xff\tc"}})
	w := a.workloads(t)
	got, err := w.Observe(t.Context(), want.Pending.Change.Spec, true)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b artifact.Digest) bool { return a == b }), cmp.Comparer(func(a, b artifact.Commit) bool { return a == b })); d != "" {
		t.Error(d)
	}
	all, err := w.Containers(t.Context(), want.Pending.Change.Spec)
	if d := cmp.Diff(beside, all); err != nil || d != "" {
		t.Errorf("%v, %s", err, d)
	}
	lines, err := w.Logs(t.Context(), want.Pending.Change.Spec, want.Instances[0].ID, 5)
	if err != nil || !slices.Equal(lines, []string{"a", "b?[31m? c"}) {
		t.Errorf("%q, %v", lines, err)
	}
}

// sized notes how large an image it is told.
type sized struct {
	workload.Target
	size atomic.Int64
}

func (s *sized) Stage(_ context.Context, _ workload.Spec, image artifact.Image, _ func(workload.Event)) error {
	s.size.Store(image.Size())
	return nil
}

// By it the host sees whether there is room.
func TestTheSizeOfAnImageIsTold(t *testing.T) {
	t.Parallel()
	image := sampleImages(t)[0]
	image.Layers = []artifact.Layer{{Size: 3}, {Size: 4}}
	var s sized
	a, _ := serveWorkloads(t, &s)
	if err := a.workloads(t).Stage(t.Context(), sampleChange(t).Spec, image, func(workload.Event) {}); err != nil || s.size.Load() != 7 {
		t.Errorf("told %d bytes, want 7 (%v)", s.size.Load(), err)
	}
}

// lyingWorkloads answers with what a broken or hostile agent would.
type lyingWorkloads struct {
	artifactv1.UnimplementedWorkloadServiceServer
	observation *artifactv1.Observation
	containers  []*artifactv1.Container
	lines       []string
	steps       []*artifactv1.SwitchResponse
}

func (l *lyingWorkloads) Observe(context.Context, *artifactv1.ObserveRequest) (*artifactv1.ObserveResponse, error) {
	return &artifactv1.ObserveResponse{Observation: l.observation}, nil
}

func (l *lyingWorkloads) ListContainers(context.Context, *artifactv1.ListContainersRequest) (*artifactv1.ListContainersResponse, error) {
	return &artifactv1.ListContainersResponse{Containers: l.containers}, nil
}

func (l *lyingWorkloads) Logs(context.Context, *artifactv1.LogsRequest) (*artifactv1.LogsResponse, error) {
	return &artifactv1.LogsResponse{Lines: l.lines}, nil
}

func (l *lyingWorkloads) Switch(_ *artifactv1.SwitchRequest, s grpc.ServerStreamingServer[artifactv1.SwitchResponse]) error {
	for _, m := range l.steps {
		if err := s.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func serveLyingWorkloads(t *testing.T, l *lyingWorkloads) workload.Target {
	t.Helper()
	return serve(t, func(s *grpc.Server) { artifactv1.RegisterWorkloadServiceServer(s, l) }).workloads(t)
}

func TestAnAgentThatLiesAboutAWorkloadIsNotBelieved(t *testing.T) {
	t.Parallel()
	spec := sampleChange(t).Spec
	for name, lie := range map[string]func(*artifactv1.Observation){
		"an id that is none":           func(o *artifactv1.Observation) { o.Instances[0].Id = "--all" },
		"a name that acts":             func(o *artifactv1.Observation) { o.Instances[0].Name = "\x1b[2J" },
		"a digest that is none":        func(o *artifactv1.Observation) { o.Instances[0].ConfigDigest = "sha256:1" },
		"a key that is no deploy key":  func(o *artifactv1.Observation) { o.Instances[0].Env[0].Name = "PASSWORD" },
		"a key twice":                  func(o *artifactv1.Observation) { o.Deployed = append(o.Deployed, o.Deployed[0]) },
		"a label with a line break":    func(o *artifactv1.Observation) { o.Instances[0].Labels[0].Value = "a\nb" },
		"a time that is none":          func(o *artifactv1.Observation) { o.Time.Nanos = -1 },
		"an outcome that is none":      func(o *artifactv1.Observation) { o.Last.Outcome = 9 },
		"a commit that is none":        func(o *artifactv1.Observation) { o.Last.Commit = "main" },
		"a pending change of nobody":   func(o *artifactv1.Observation) { o.Pending.Change = nil },
		"another's pending change":     func(o *artifactv1.Observation) { o.Pending.Change.Workload.Compose.Service = "other" },
		"a failure that acts":          func(o *artifactv1.Observation) { o.Pending.Failed = "\x1b]0;x\a" },
		"a health with a line break":   func(o *artifactv1.Observation) { o.Instances[0].Health.Error = "a\nb" },
		"a container before that acts": func(o *artifactv1.Observation) { o.Pending.Before.Container = "-f" },
		"too many containers":          func(o *artifactv1.Observation) { o.Instances = slices.Repeat(o.Instances, 300) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := proto.CloneOf(observationToProto(seen(t)))
			lie(m)
			_, err := serveLyingWorkloads(t, &lyingWorkloads{observation: m}).Observe(t.Context(), spec, false)
			wantReason(t, err, fault.Internal, false)
		})
	}
	one := containerToProto(workload.Container{ID: strings.Repeat("a", 64), Name: "web", Started: time.Now()})
	for name, lie := range map[string]func(*artifactv1.Container){
		"an id that is none":  func(c *artifactv1.Container) { c.Id = "web" },
		"a name that acts":    func(c *artifactv1.Container) { c.Name = "\x1b[2J" },
		"a project that acts": func(c *artifactv1.Container) { c.Project = "\x1b[2J" },
		"a service that acts": func(c *artifactv1.Container) { c.Service = "a\nb" },
		"a time that is none": func(c *artifactv1.Container) { c.Started.Nanos = -1 },
	} {
		m := proto.CloneOf(one)
		lie(m)
		if _, err := serveLyingWorkloads(t, &lyingWorkloads{containers: []*artifactv1.Container{one, m}}).Containers(t.Context(), spec); err == nil || fault.ReasonOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := serveLyingWorkloads(t, &lyingWorkloads{containers: slices.Repeat([]*artifactv1.Container{one}, maxContainers+1)}).Containers(t.Context(), spec); err == nil || fault.ReasonOf(err) != fault.Internal {
		t.Errorf("too many containers: %v", err)
	}
	for name, lines := range map[string][]string{"more than asked": {"a", "b", "c"}, "one that acts": {"\x1b[2J"}} {
		_, err := serveLyingWorkloads(t, &lyingWorkloads{lines: lines}).Logs(t.Context(), spec, strings.Repeat("a", 64), 2)
		if fault.ReasonOf(err) != fault.Internal || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASwitchWithoutExactlyOneResultIsNotOne(t *testing.T) {
	t.Parallel()
	result := &artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Result{Result: &artifactv1.SwitchResult{}}}
	say := func(p string) *artifactv1.SwitchResponse {
		return &artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Progress{Progress: &artifactv1.Progress{Point: p}}}
	}
	for name, c := range map[string]struct {
		steps []*artifactv1.SwitchResponse
		want  fault.Reason
	}{
		"nothing":         {nil, fault.HostUnreachable},
		"no end":          {nil, fault.HostUnreachable},
		"two results":     {[]*artifactv1.SwitchResponse{result, result}, fault.Internal},
		"more after it":   {[]*artifactv1.SwitchResponse{result, say("tag")}, fault.Internal},
		"an empty step":   {[]*artifactv1.SwitchResponse{{}, result}, fault.Internal},
		"a point of lies": {[]*artifactv1.SwitchResponse{say("\x1b[2J"), result}, fault.Internal},
	} {
		err := serveLyingWorkloads(t, &lyingWorkloads{steps: c.steps}).Switch(t.Context(), sampleChange(t), func(workload.Event) {})
		if err == nil || fault.ReasonOf(err) != c.want {
			t.Errorf("%s: %v (%s)", name, err, fault.ReasonOf(err))
		}
	}
}

// slowTarget is a target whose acts last until they are let go.
type slowTarget struct {
	workload.Target
	began   atomic.Int64
	events  chan workload.Event
	end     chan error
	panics  bool
	aborted atomic.Bool
}

func newSlow() *slowTarget {
	return &slowTarget{events: make(chan workload.Event), end: make(chan error)}
}

func (s *slowTarget) Switch(ctx context.Context, _ workload.Change, emit func(workload.Event)) error {
	s.began.Add(1)
	if s.panics {
		panic("oh")
	}
	for {
		select {
		case e := <-s.events:
			emit(e)
		case err := <-s.end:
			return err
		case <-ctx.Done():
			s.aborted.Store(true)
			return context.Cause(ctx)
		}
	}
}

func (s *slowTarget) Settle(ctx context.Context, _ workload.Spec, _ workload.Settlement, emit func(workload.Event)) error {
	return s.Switch(ctx, workload.Change{}, emit)
}

func TestAnActGoesOnWhenItsStreamBreaksAndIsFoundAgain(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	a, _ := serveWorkloads(t, slow)
	w := a.workloads(t)
	var mu sync.Mutex
	var points []workload.Point
	done := make(chan error, 1)
	came := make(chan struct{}, 100)
	go func() {
		done <- w.Switch(t.Context(), sampleChange(t), func(e workload.Event) {
			mu.Lock()
			defer mu.Unlock()
			points = append(points, e.Point)
			came <- struct{}{}
		})
	}()
	slow.events <- workload.Event{Point: workload.PointTag}
	<-came
	a.cut()
	<-came // the client is back: the last point is told again
	slow.events <- workload.Event{Point: workload.PointSwitch}
	<-came
	slow.end <- nil
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := []workload.Point{workload.PointTag, workload.PointTag, workload.PointSwitch}; !slices.Equal(points, want) {
		t.Errorf("points %v", points)
	}
	if n := slow.began.Load(); n != 1 {
		t.Errorf("%d switches", n)
	}
}

func TestASettlementGoesOnWithoutItsCaller(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	a, s := serveWorkloads(t, slow)
	ctx, cancel := context.WithCancel(t.Context())
	spec, settlement := sampleChange(t).Spec, workload.Settlement{ChangeID: "x", Outcome: workload.Revert}
	left := make(chan error, 1)
	go func() { left <- a.workloads(t).Settle(ctx, spec, settlement, nil) }()
	slow.events <- workload.Event{Point: workload.PointSettle}
	cancel()
	wantReason(t, <-left, fault.Interrupted, false)
	req := &artifactv1.SettleRequest{Workload: workloadToProto(spec), ChangeId: "x", Outcome: artifactv1.Outcome_OUTCOME_REVERT}
	again, err := s.begin(t.Context(), "settle", req, time.Minute, func(context.Context, func(workload.Event)) error {
		t.Error("it is begun again")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slow.end <- fault.New(fault.RevertFailed, "no engine").WithHint("docker up")
	wantReason(t, again.wait(t.Context()), fault.RevertFailed, false)
	if slow.aborted.Load() || slow.began.Load() != 1 {
		t.Errorf("aborted %t, %d acts", slow.aborted.Load(), slow.began.Load())
	}
}

func TestAQuietActIsNotTakenForAStalledOne(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	a, s := serveWorkloads(t, slow)
	s.quiet = 20 * time.Millisecond
	w := a.dial(t, Options{Stall: 200 * time.Millisecond}).Workloads()
	done := make(chan error, 1)
	go func() {
		done <- w.Switch(t.Context(), sampleChange(t), func(e workload.Event) { t.Errorf("%+v", e) })
	}()
	time.Sleep(600 * time.Millisecond)
	slow.end <- nil
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := slow.began.Load(); n != 1 {
		t.Errorf("%d switches", n)
	}
}

func TestAStoppingAgentEndsItsActsAndBeginsNone(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	a, s := serveWorkloads(t, slow)
	w := a.workloads(t)
	done := make(chan error, 1)
	go func() { done <- w.Switch(t.Context(), sampleChange(t), func(workload.Event) {}) }()
	slow.events <- workload.Event{Point: workload.PointTag}
	s.Close()
	if !slow.aborted.Load() {
		t.Error("the act goes on")
	}
	wantReason(t, <-done, fault.HostUnreachable, true)
	wantReason(t, w.Switch(t.Context(), sampleChange(t), func(workload.Event) {}), fault.HostUnreachable, true)
	if n := slow.began.Load(); n != 1 {
		t.Errorf("%d switches", n)
	}
}

func TestTooManyActsAtOnceAreRefusedForNow(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	a, s := serveWorkloads(t, slow)
	stub := artifactv1.NewWorkloadServiceClient(a.dial(t, Options{}).conn)
	errs := make(chan error, maxActs+1)
	ask := func(n int) {
		c := sampleChange(t)
		c.ID = "change-" + string(rune('a'+n))
		_, err := recvAll(stub.Switch(t.Context(), &artifactv1.SwitchRequest{Change: changeToProto(c)}))
		errs <- err
	}
	// One connection may have sixteen calls going, so the last comes over another.
	for n := range maxActs {
		go ask(n)
	}
	for slow.began.Load() < maxActs {
		time.Sleep(time.Millisecond)
	}
	stub = artifactv1.NewWorkloadServiceClient(a.dial(t, Options{}).conn)
	ask(maxActs)
	if f := fromStatus(<-errs); f.Reason != fault.Busy || !f.Retry {
		t.Errorf("%v", f)
	}
	s.Close()
	for range maxActs {
		if err := <-errs; err == nil {
			t.Error("an act that was ended is told as none")
		}
	}
}

func TestAPanickingActIsAnErrorAndNoMore(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	slow.panics = true
	a, _ := serveWorkloads(t, slow)
	wantReason(t, a.workloads(t).Switch(t.Context(), sampleChange(t), func(workload.Event) {}), fault.Internal, false)
	slow.panics = false
	go func() { slow.end <- nil }()
	if err := a.workloads(t).Switch(t.Context(), sampleChange(t), func(workload.Event) {}); err != nil {
		t.Error(err)
	}
}

func TestAnAgentWithoutWorkloadsIsNamedWithItsVersion(t *testing.T) {
	t.Parallel()
	w := serve(t, func(s *grpc.Server) { Register(s, fakeHost{Description{AgentVersion: "0.9"}}, nil, nil) }).workloads(t)
	c := sampleChange(t)
	for name, call := range map[string]func() error{
		"observe": func() error { _, err := w.Observe(t.Context(), c.Spec, false); return err },
		"list":    func() error { _, err := w.Containers(t.Context(), c.Spec); return err },
		"logs":    func() error { _, err := w.Logs(t.Context(), c.Spec, c.Saw, 1); return err },
		"stage":   func() error { return w.Stage(t.Context(), c.Spec, sampleImages(t)[0], nil) },
		"switch":  func() error { return w.Switch(t.Context(), c, nil) },
		"settle":  func() error { return w.Settle(t.Context(), c.Spec, workload.Settlement{ChangeID: "x"}, nil) },
	} {
		err := call()
		wantReason(t, err, fault.CapabilityMissing, false)
		if !strings.Contains(err.Error(), "0.9") || !strings.Contains(err.Error(), "1.1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLogsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	if got := lastOf(slices.Repeat([]string{long}, 200), maxWords); len(got) != 65 {
		t.Errorf("%d lines", len(got))
	}
	if got := lastOf([]string{long + long}, 1000); len(got) != 0 {
		t.Errorf("%d lines", len(got))
	}
	if !errors.Is(malformed(errors.New("x")), malformed(nil)) && malformed(nil) != nil {
		t.Error("nothing is malformed")
	}
}
