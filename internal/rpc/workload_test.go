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
	"testing/synctest"
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

func (p pulling) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	for _, i := range p.registry {
		if i.Pinned == image {
			return p.Host.Stage(ctx, ref, image, emit)
		}
	}
	return fault.New(fault.ArtifactNotFound, "the registry has no %s", image.Manifest)
}

func sampleImages(t testing.TB) []artifact.Image {
	t.Helper()
	images := workloadtest.FakeImages(t, 4)
	for i := range images {
		images[i].Repository, images[i].Index, images[i].Bytes = repo(), artifact.DigestOf([]byte{byte(i), 'i'}), int64(7+i)
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
		return workloadtest.Harness{Target: reopen(), Reopen: reopen, Spec: spec, Secret: secret, Secrets: workloadtest.Shown(spec, secret), Images: images}
	})
}

// trap is a target that nothing may reach.
type trap struct{ t *testing.T }

func (r trap) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	r.t.Error("observe was reached")
	return workload.Observation{}, nil
}

func (r trap) Neighbours(context.Context, workload.Ref) ([]workload.Neighbour, error) {
	r.t.Error("neighbours was reached")
	return nil, nil
}

func (r trap) FindImage(context.Context, workload.Ref, artifact.Pinned) (artifact.Image, bool, error) {
	r.t.Error("find image was reached")
	return artifact.Image{}, false, nil
}

func (r trap) Stage(context.Context, workload.Ref, artifact.Pinned, func(workload.Event)) error {
	r.t.Error("stage was reached")
	return nil
}

func (r trap) Switch(context.Context, workload.Change, func(workload.Event)) error {
	r.t.Error("switch was reached")
	return nil
}

func (r trap) Renew(context.Context, workload.Ref, string) error {
	r.t.Error("renew was reached")
	return nil
}

func (r trap) Settle(context.Context, workload.Ref, workload.Settlement, func(workload.Event)) error {
	r.t.Error("settle was reached")
	return nil
}

func (r trap) Logs(context.Context, workload.Ref, string, workload.Tail) (workload.Output, error) {
	r.t.Error("logs was reached")
	return workload.Output{}, nil
}

func sampleChange(t testing.TB) workload.Change {
	t.Helper()
	img := sampleImages(t)[0]
	return workload.Change{
		ID: "20260101T000000Z-deadbeef", Ref: workloadtest.Ref("fake", "sample"), Image: img.Pinned,
		Basis: workload.Basis(containerID), Stamps: map[string]string{workload.KeyCommit: img.Commit.String()},
		FlagsBefore: map[string]bool{"auth.loggedIn": true, "web-dev/auth.loggedIn": false}, Deadline: time.Now().Add(time.Hour).UTC(), Holder: "somebody, run x",
	}
}

// containerID is the id of a container.
var containerID = strings.Repeat("0a", 32)

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
		w := m.GetWorkload()
		inWorkload := strings.HasPrefix(what, "workload.")
		check := func(rpc string, err error) {
			t.Helper()
			if r := fromStatus("", err).Reason; r != fault.InvalidRequest && r != fault.CommitNotPinned {
				t.Errorf("%s with %s %.40q: %v", rpc, what, value, err)
			}
		}
		_, err := recvAll(stub.Switch(t.Context(), &artifactv1.SwitchRequest{Change: m}))
		check("switch", err)
		if inWorkload || strings.HasPrefix(what, "image.") {
			_, err = recvAll(stub.Stage(t.Context(), &artifactv1.StageRequest{Workload: w, Image: m.GetImage()}))
			check("stage", err)
			_, err = stub.FindImage(t.Context(), &artifactv1.FindImageRequest{Workload: w, Image: m.GetImage()})
			check("find image", err)
		}
		if inWorkload || what == "id" {
			_, err = stub.Settle(t.Context(), &artifactv1.SettleRequest{Workload: w, ChangeId: m.GetId(), Outcome: artifactv1.Outcome_OUTCOME_KEEP})
			check("settle", err)
			_, err = stub.Renew(t.Context(), &artifactv1.RenewRequest{Workload: w, ChangeId: m.GetId()})
			check("renew", err)
		}
		if inWorkload {
			_, err = stub.Observe(t.Context(), &artifactv1.ObserveRequest{Workload: w})
			check("observe", err)
			_, err = stub.ListNeighbours(t.Context(), &artifactv1.ListNeighboursRequest{Workload: w})
			check("list neighbours", err)
			_, err = stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: w, Instance: containerID, Lines: 1})
			check("logs", err)
		}
	}
	// Empty means none, and free text may be anything that is printed as it stands.
	empty := func(s string) bool { return s == "" }
	fine := map[string]func(string) bool{
		"basis": empty, "image.repository": empty, "image.index_digest": empty,
		"stamps": workload.StampValue.Match,
		"holder": func(s string) bool {
			return s != "" && isTold(s) && len(s) <= 512
		},
	}
	for what, set := range map[string]func(*artifactv1.Change, string){
		"workload.compose.project":      func(c *artifactv1.Change, v string) { c.Workload.GetCompose().Project = v },
		"workload.compose.service":      func(c *artifactv1.Change, v string) { c.Workload.GetCompose().Service = v },
		"workload.kubernetes.namespace": func(c *artifactv1.Change, v string) { c.Workload = kubernetesWorkload(v, "sample") },
		"workload.kubernetes.name":      func(c *artifactv1.Change, v string) { c.Workload = kubernetesWorkload("unidesk", v) },
		"id":                            func(c *artifactv1.Change, v string) { c.Id = v },
		"image.repository":              func(c *artifactv1.Change, v string) { c.Image.Repository = v },
		"image.commit":                  func(c *artifactv1.Change, v string) { c.Image.Commit = v },
		"image.index_digest":            func(c *artifactv1.Change, v string) { c.Image.IndexDigest = v },
		"image.manifest_digest":         func(c *artifactv1.Change, v string) { c.Image.ManifestDigest = v },
		"image.config_digest":           func(c *artifactv1.Change, v string) { c.Image.ConfigDigest = v },
		"basis":                         func(c *artifactv1.Change, v string) { c.Basis = v },
		"stamps":                        func(c *artifactv1.Change, v string) { c.Stamps[0].Value = v },
		"a stamp's key":                 func(c *artifactv1.Change, v string) { c.Stamps[0].Name = v },
		"flags_before":                  func(c *artifactv1.Change, v string) { c.FlagsBefore[0].Name = v },
		"holder":                        func(c *artifactv1.Change, v string) { c.Holder = v },
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
		"workload. none":          func(c *artifactv1.Change) { c.Workload = nil },
		"workload. of no runtime": func(c *artifactv1.Change) { c.Workload.Runtime = nil },
		"workload. of no compose": func(c *artifactv1.Change) { c.Workload.Runtime = &artifactv1.Workload_Compose{} },
		"image. none":             func(c *artifactv1.Change) { c.Image = nil },
		"a key twice":             func(c *artifactv1.Change) { c.Stamps = append(c.Stamps, c.Stamps[0]) },
		"no stamps":               func(c *artifactv1.Change) { c.Stamps = nil },
		"a secret as a key":       func(c *artifactv1.Change) { c.Stamps[0].Name = "CLIENT_SECRET" },
		"no deadline":             func(c *artifactv1.Change) { c.Deadline = nil },
		"an endless deadline":     func(c *artifactv1.Change) { c.Deadline = timestamppb.New(time.Now().Add(1000 * time.Hour)) },
		"a deadline that is none": func(c *artifactv1.Change) { c.Deadline.Nanos = -1 },
		"a million flags":         func(c *artifactv1.Change) { c.FlagsBefore = slices.Repeat(c.FlagsBefore, 1000) },
	} {
		m := changeToProto(sampleChange(t))
		set(m)
		refused(t, what, "", m)
	}
	good := changeToProto(sampleChange(t))
	settle := func(change func(*artifactv1.SettleRequest)) error {
		m := &artifactv1.SettleRequest{Workload: good.GetWorkload(), ChangeId: "x", Outcome: artifactv1.Outcome_OUTCOME_KEEP}
		change(m)
		return second(stub.Settle(t.Context(), m))
	}
	proven := []*artifactv1.Copy{{Id: containerID}}
	anonymous := proto.CloneOf(good.GetImage())
	anonymous.Repository = ""
	for what, err := range map[string]error{
		"no outcome":       settle(func(m *artifactv1.SettleRequest) { m.Outcome = 0 }),
		"a retired commit": settle(func(m *artifactv1.SettleRequest) { m.Retire = []string{"latest"} }),
		"a copy's name":    settle(func(m *artifactv1.SettleRequest) { m.Proven = []*artifactv1.Copy{{Id: "web-1"}} }),
		"a copy's time": settle(func(m *artifactv1.SettleRequest) {
			m.Proven = []*artifactv1.Copy{{Id: containerID, Started: &timestamppb.Timestamp{Nanos: -1}}}
		}),
		"a million copies": settle(func(m *artifactv1.SettleRequest) { m.Proven = slices.Repeat(proven, 1000) }),
		"no lines":         second(stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: good.GetWorkload(), Instance: containerID})),
		"too many lines":   second(stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: good.GetWorkload(), Instance: containerID, Lines: 1001})),
		"no container":     second(stub.Logs(t.Context(), &artifactv1.LogsRequest{Workload: good.GetWorkload(), Instance: "web-1", Lines: 1})),
		"no image":         second(recvAll(stub.Stage(t.Context(), &artifactv1.StageRequest{Workload: good.GetWorkload()}))),
		// An older agent's change has none, and a host cannot pull without.
		"no repository": second(recvAll(stub.Stage(t.Context(), &artifactv1.StageRequest{Workload: good.GetWorkload(), Image: anonymous}))),
	} {
		if r := fromStatus("", err).Reason; r != fault.InvalidRequest && r != fault.CommitNotPinned {
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

// seen is an observation in which every field is set.
func seen(t *testing.T) workload.Observation {
	t.Helper()
	at := time.Unix(1_700_000_000, 5).UTC()
	c := sampleChange(t)
	placement := workloadtest.SampleSpec("fake")
	placement.Probe.Flags = []string{"auth.loggedIn"}
	return workload.Observation{
		At: at, ImageRoom: 7, Platform: linux, Placement: placement, Basis: "b",
		Units: []workload.Unit{{Name: "u", Compose: &workload.ComposeDefinition{
			Image: "a", ContainerName: "b", PullPolicy: "never", Replicas: 1, References: []string{"X"}, LabelReferences: []string{"Y"},
			Mounts: []workload.Mount{{Kind: "volume", Source: "data", Target: "/data"}}, NetworkMode: "host", StopGrace: 7 * time.Minute,
			UnreadFiles: []string{"/p/compose.override.yml"}, Programs: []string{"/app/x", workload.WorkFolder},
			Hash: artifact.DigestOf([]byte("definition")),
		}}},
		Instances: []workload.Instance{{
			ID: containerID, Name: "n", Unit: "u", Current: true, ImageID: c.Image.Config.String(), Image: "a", Revision: containerID,
			Created: at, Started: at, Running: true, ExitCode: -1, Restarts: 2,
			Config: c.Image.Config, Labels: map[string]string{"l": "v"}, Stamped: map[string]string{workload.KeyCommit: "x"},
			Health:   &workload.Health{Status: 200, Error: "e", OK: true, Commit: "c", RequestedCommit: "r", Flags: map[string]bool{"a.b": true}},
			Labelled: map[string]string{}, Healthcheck: "starting", StopGrace: time.Minute,
			Mounts: []workload.Mount{{Kind: "tmpfs", Target: "/tmp"}}, Programs: []string{"/app/service"},
		}},
		NameTakenBy: &workload.Neighbour{ID: containerID, Name: "b", Scope: "other", Group: "u", Volumes: []string{"other_data"}},
		EnvFile:     &workload.Obstacle{What: "closed", Fix: "chown"}, Holds: &workload.Holder{Name: "unidesk-keep-n", Change: "x"},
		Drift:   &workload.Drift{Changed: true, Networks: []workload.Network{{Name: "n", Users: []string{"u"}}}, Volumes: []string{"v"}, Unknown: "why"},
		Stamped: map[string]string{workload.KeyImage: "i"}, Secrets: []workload.Secret{{Name: "S", Present: true, Length: 3}},
		Pending: &workload.Pending{
			Change: c, Since: at, Failed: "no engine", HeldUntil: at.Add(time.Second),
			Before: workload.Before{Basis: c.Basis, Running: true, ImageID: "i", Commit: "x", Config: c.Image.Config},
		},
		Last: &workload.Settled{ChangeID: "x", Commit: c.Image.Commit, Outcome: workload.Revert, At: at, Left: []workload.Left{{Unit: "u", Why: "w"}}},
	}
}

// toldTarget answers every question of a kind with the same.
type toldTarget struct {
	workload.Target
	seen       workload.Observation
	neighbours []workload.Neighbour
	lines      []string
	image      *artifact.Image
}

func (o toldTarget) FindImage(_ context.Context, _ workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	if o.image == nil {
		return artifact.Image{}, false, nil
	}
	found := *o.image
	found.Pinned = image
	return found, true, nil
}

func (o toldTarget) Neighbours(context.Context, workload.Ref) ([]workload.Neighbour, error) {
	return o.neighbours, nil
}

func (o toldTarget) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	return o.seen, nil
}

func (o toldTarget) Logs(_ context.Context, _ workload.Ref, _ string, tail workload.Tail) (workload.Output, error) {
	return workload.Output{Lines: o.lines, Until: tail.After.Add(time.Minute)}, nil
}

func TestAnObservationCrossesWhole(t *testing.T) {
	t.Parallel()
	want := seen(t)
	ref := want.Placement.Ref
	beside := []workload.Neighbour{
		{
			ID: strings.Repeat("1", 64), Name: "web", Scope: "p", Group: "s", Running: true, Started: want.At, Restarts: 3, AutoRemove: true,
			Restarting: true, KeptRunning: true, Shares: []workload.Share{{What: "network", With: containerID}}, Volumes: []string{"data", "/srv"},
		},
		{ID: strings.Repeat("2", 64), Name: "done", Exited: new(int)},
		{ID: strings.Repeat("3", 64), Name: "created"},
	}
	a, _ := serveWorkloads(t, toldTarget{seen: want, neighbours: beside, lines: []string{"a", "b\x1b[31m\xff\tc"}})
	w := a.workloads(t)
	got, err := w.Observe(t.Context(), ref, true)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	all, err := w.Neighbours(t.Context(), ref)
	if d := cmp.Diff(beside, all); err != nil || d != "" {
		t.Errorf("%v, %s", err, d)
	}
	after := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	out, err := w.Logs(t.Context(), ref, want.Instances[0].ID, workload.Tail{Lines: 5, After: after})
	if err != nil || !slices.Equal(out.Lines, []string{"a", "b?[31m? c"}) || !out.Until.Equal(after.Add(time.Minute)) {
		t.Errorf("%+v, %v", out, err)
	}
}

// deployed is an observation of Deployments in which every field is set.
func deployed(t *testing.T) workload.Observation {
	t.Helper()
	ref, err := workload.NewRef(workload.Kubernetes, "unidesk-dev", "web")
	if err != nil {
		t.Fatal(err)
	}
	o := seen(t)
	o.Pending.Change.Ref, o.Missing = ref, []string{"secret unidesk-dev/web-auth"}
	o.Secrets = []workload.Secret{{Name: "password", Present: true, Length: 3}, {Name: "tls.crt"}}
	o.Placement = workload.Spec{Ref: ref, KeyPrefix: "UNIDESK_DEPLOY_", Kubernetes: &workload.KubernetesSpec{
		Deployments: []workload.DeploymentSpec{
			{Name: "web-dev", Container: "web", Service: "web-dev", Probe: workload.Probe{Port: 8080, Path: "/health", Flags: []string{"a.b"}}},
			{Name: "worker-dev", Container: "worker"},
		},
		Sync: &workload.ConfigSync{Secret: "web-auth", ConfigMap: "web-settings", Credentials: []string{"password"}, Settings: []string{"username"}},
	}}
	o.Units = []workload.Unit{{
		Name: "web-dev", Health: o.Instances[0].Health,
		Deployment: &workload.DeploymentDefinition{
			Revision: "web-dev-5d4", Generation: 3, Seen: 2, Image: "127.0.0.1:5000/unidesk/web:x", PullPolicy: "IfNotPresent",
			Containers: []string{"web", "log"}, SameImage: []string{"log"}, Computed: []string{workload.KeyImage}, Strategy: "RollingUpdate", Paused: true,
			Replicas: workload.Replicas{Want: 5, Updated: 4, Ready: 3, Available: 2, Old: 1}, ProgressDeadline: 10 * time.Minute,
			HostNetwork: true, HostPorts: []int{80}, Exposures: []workload.Exposure{{Service: "web", Type: "NodePort", NodePorts: []int{30080}}},
			Autoscaler: "web", Manager: "Helm release web", PutsBack: true, Source: "web.yaml", Trouble: "exceeded quota",
			Mounts: []workload.Mount{{Kind: "emptyDir", Source: "code", Target: "/app"}}, Programs: []string{"/app/x"},
			Annotated: map[string]string{workload.KeyCommit: "x"},
		},
	}}
	o.Instances[0].ID, o.Instances[0].Health, o.Instances[0].Trouble = "0f8fad5b-d9cb-469f-a165-70867728950e", nil, "CrashLoopBackOff"
	return o
}

func TestAnObservationOfDeploymentsCrossesWhole(t *testing.T) {
	t.Parallel()
	want := deployed(t)
	a, _ := serveWorkloads(t, toldTarget{seen: want})
	got, err := a.workloads(t).Observe(t.Context(), want.Placement.Ref, true)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
}

// switched keeps the change that it was given.
type switched struct {
	workload.Target
	change chan workload.Change
}

func (s switched) Switch(_ context.Context, c workload.Change, _ func(workload.Event)) error {
	s.change <- c
	return nil
}

func TestValuesCross(t *testing.T) {
	t.Parallel()
	c := sampleChange(t)
	c.Deadline = time.Now().Add(time.Minute)
	c.Values = workload.NewValues(map[string]string{"password": "a\nb \x1b", "username": ""})
	s := switched{change: make(chan workload.Change, 1)}
	a, _ := serveWorkloads(t, s)
	if err := a.workloads(t).Switch(t.Context(), c, func(workload.Event) {}); err != nil {
		t.Fatal(err)
	}
	if got := <-s.change; !got.Values.Equal(c.Values) {
		t.Error("the host got other values")
	}
}

// diff compares what holds names, too.
func diff[T any](want, got T) string {
	return cmp.Diff(want, got, cmp.AllowUnexported(artifact.Digest{}, artifact.Commit{}, artifact.Repository{}, workload.Ref{}))
}

// sized notes the size of the image that it gets.
type sized struct {
	workload.Target
	size atomic.Int64
}

func (s *sized) Stage(_ context.Context, _ workload.Ref, image artifact.Pinned, _ func(workload.Event)) error {
	s.size.Store(image.Bytes)
	return nil
}

// By the size of an image the host sees whether there is room for it.
func TestTheSizeOfAnImageIsTold(t *testing.T) {
	t.Parallel()
	image := sampleImages(t)[0].Pinned
	image.Bytes = 7
	var s sized
	a, _ := serveWorkloads(t, &s)
	if err := a.workloads(t).Stage(t.Context(), sampleChange(t).Ref, image, func(workload.Event) {}); err != nil || s.size.Load() != 7 {
		t.Errorf("got %d bytes, want 7 (%v)", s.size.Load(), err)
	}
}

func TestAFoundImageCrossesWhole(t *testing.T) {
	t.Parallel()
	ref, want := sampleChange(t).Ref, artifact.Image{
		Pinned: sampleChange(t).Image, Platform: artifact.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}, Labels: map[string]string{"l": "v"},
		Volumes: []string{"/data"}, Command: []string{"/app/service", "-v"}, Folder: "/app",
	}
	a, _ := serveWorkloads(t, toldTarget{image: &want})
	got, there, err := a.workloads(t).FindImage(t.Context(), ref, want.Pinned)
	if d := diff(want, got); d != "" || !there || err != nil {
		t.Errorf("%s, %v, %v", d, there, err)
	}
	a, _ = serveWorkloads(t, toldTarget{})
	if _, there, err := a.workloads(t).FindImage(t.Context(), ref, want.Pinned); there || err != nil {
		t.Errorf("an image that is not there: %v, %v", there, err)
	}
}

func TestAnAgentThatLiesAboutAFoundImageIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, image := range map[string]*artifactv1.FoundImage{
		"a label with a line break": {Labels: []*artifactv1.Variable{{Name: "l", Value: "a\nb"}}},
		"a label twice":             {Labels: []*artifactv1.Variable{{Name: "l"}, {Name: "l"}}},
		"a platform that acts":      {Platform: &artifactv1.Platform{Os: "\x1b[2J"}},
		"a folder that acts":        {Folder: "\x1b[2J"},
		"a command that acts":       {Command: []string{"\x1b[2J"}},
		"too many volumes":          {Volumes: make([]string, maxList+1)},
	} {
		c := sampleChange(t)
		if _, there, err := serveLyingWorkloads(t, &lyingWorkloads{image: image}).FindImage(t.Context(), c.Ref, c.Image); there || err == nil {
			t.Errorf("%s: %v, %v", name, there, err)
		}
	}
}

// lyingWorkloads answers with what a broken or hostile agent would.
type lyingWorkloads struct {
	artifactv1.UnimplementedWorkloadServiceServer
	observation *artifactv1.Observation
	neighbours  []*artifactv1.Neighbour
	image       *artifactv1.FoundImage
	lines       []string
	steps       []*artifactv1.SwitchResponse
	progress    []*artifactv1.Progress
}

func (l *lyingWorkloads) Observe(context.Context, *artifactv1.ObserveRequest) (*artifactv1.ObserveResponse, error) {
	return &artifactv1.ObserveResponse{Observation: l.observation}, nil
}

func (l *lyingWorkloads) ListNeighbours(context.Context, *artifactv1.ListNeighboursRequest) (*artifactv1.ListNeighboursResponse, error) {
	return &artifactv1.ListNeighboursResponse{Neighbours: l.neighbours}, nil
}

func (l *lyingWorkloads) FindImage(context.Context, *artifactv1.FindImageRequest) (*artifactv1.FindImageResponse, error) {
	return &artifactv1.FindImageResponse{Image: l.image}, nil
}

func (l *lyingWorkloads) Settle(context.Context, *artifactv1.SettleRequest) (*artifactv1.SettleResponse, error) {
	return &artifactv1.SettleResponse{Progress: l.progress}, nil
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
	ref := sampleChange(t).Ref
	for name, lie := range map[string]func(*artifactv1.Observation){
		"an id that is none":            func(o *artifactv1.Observation) { o.Instances[0].Id = "--all" },
		"a name that acts":              func(o *artifactv1.Observation) { o.Instances[0].Name = "\x1b[2J" },
		"a unit that acts":              func(o *artifactv1.Observation) { o.Instances[0].Unit = "\x1b[2J" },
		"a digest that is none":         func(o *artifactv1.Observation) { o.Instances[0].ConfigDigest = "sha256:1" },
		"a key that is no deploy key":   func(o *artifactv1.Observation) { o.Instances[0].Stamped[0].Name = "PASSWORD" },
		"a key twice":                   func(o *artifactv1.Observation) { o.Stamped = append(o.Stamped, o.Stamped[0]) },
		"a label with a line break":     func(o *artifactv1.Observation) { o.Instances[0].Labels[0].Value = "a\nb" },
		"a time that is none":           func(o *artifactv1.Observation) { o.Time.Nanos = -1 },
		"an outcome that is none":       func(o *artifactv1.Observation) { o.Last.Outcome = 9 },
		"a commit that is none":         func(o *artifactv1.Observation) { o.Last.Commit = "main" },
		"a pending change of nobody":    func(o *artifactv1.Observation) { o.Pending.Change = nil },
		"another's pending change":      func(o *artifactv1.Observation) { o.Pending.Change.Workload.GetCompose().Service = "other" },
		"another runtime's change":      func(o *artifactv1.Observation) { o.Pending.Change.Workload = kubernetesWorkload("fake", "sample") },
		"a failure that acts":           func(o *artifactv1.Observation) { o.Pending.Failed = "\x1b]0;x\a" },
		"a lease until no time":         func(o *artifactv1.Observation) { o.Pending.HeldUntil.Nanos = -1 },
		"a health with a line break":    func(o *artifactv1.Observation) { o.Instances[0].Health.Error = "a\nb" },
		"a container before that acts":  func(o *artifactv1.Observation) { o.Pending.Before.Basis = "-f" },
		"a basis that acts":             func(o *artifactv1.Observation) { o.Basis = "a b" },
		"too many containers":           func(o *artifactv1.Observation) { o.Instances = slices.Repeat(o.Instances, 300) },
		"a definition that acts":        func(o *artifactv1.Observation) { o.Units[0].GetCompose().Image = "\x1b[2J" },
		"a reference that acts":         func(o *artifactv1.Observation) { o.Units[0].GetCompose().References[0] = "\x1b[2J" },
		"a unit's name that acts":       func(o *artifactv1.Observation) { o.Units[0].Name = "\x1b[2J" },
		"a mount that acts":             func(o *artifactv1.Observation) { o.Instances[0].Mounts[0].Target = "\x1b[2J" },
		"a declared mount that acts":    func(o *artifactv1.Observation) { o.Units[0].GetCompose().Mounts[0].Source = "\x1b[2J" },
		"a network that acts":           func(o *artifactv1.Observation) { o.Units[0].GetCompose().NetworkMode = "\x1b[2J" },
		"a file that acts":              func(o *artifactv1.Observation) { o.Units[0].GetCompose().UnreadFiles[0] = "\x1b[2J" },
		"a definition's hash that acts": func(o *artifactv1.Observation) { o.Units[0].GetCompose().Hash = "\x1b[2J" },
		"a program that acts":           func(o *artifactv1.Observation) { o.Instances[0].Programs[0] = "\x1b[2J" },
		"a health check that acts":      func(o *artifactv1.Observation) { o.Instances[0].Healthcheck = "\x1b[2J" },
		"a label that is no key":        func(o *artifactv1.Observation) { o.Instances[0].Labelled.Keys = []*artifactv1.Variable{{Name: "X"}} },
		"a drift that acts":             func(o *artifactv1.Observation) { o.Drift.Unknown = "\x1b[2J" },
		"a network's user that acts":    func(o *artifactv1.Observation) { o.Drift.Networks[0].Users[0] = "\x1b[2J" },
		"an obstacle that acts":         func(o *artifactv1.Observation) { o.EnvFile.What = "\x1b[2J" },
		"a taken name that acts":        func(o *artifactv1.Observation) { o.NameTakenBy.Scope = "\x1b[2J" },
		"an unread file that acts":      func(o *artifactv1.Observation) { o.Unread = &artifactv1.Unread{Message: "\x1b[2J"} },
		"too many units":                func(o *artifactv1.Observation) { o.Units = slices.Repeat(o.Units, 300) },
		"no placement":                  func(o *artifactv1.Observation) { o.Placement = nil },
		"another's placement":           func(o *artifactv1.Observation) { o.Placement.Workload.GetCompose().Service = "other" },
		"another project's placement":   func(o *artifactv1.Observation) { o.Placement.Workload.GetCompose().Project = "other" },
		"another runtime's placement":   func(o *artifactv1.Observation) { o.Placement.Workload = kubernetesWorkload("fake", "sample") },
		"a placement without a probe":   func(o *artifactv1.Observation) { o.Placement.Probe = nil },
		"port 0":                        func(o *artifactv1.Observation) { o.Placement.Probe.Port = 0 },
		"port 65536":                    func(o *artifactv1.Observation) { o.Placement.Probe.Port = 65536 },
		"a prefix without deploy":       func(o *artifactv1.Observation) { o.Placement.KeyPrefix = "DB_" },
		"a million secrets":             func(o *artifactv1.Observation) { o.Placement.Secrets = slices.Repeat(o.Placement.Secrets, 1000) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := proto.CloneOf(observationToProto(seen(t)))
			lie(m)
			_, err := serveLyingWorkloads(t, &lyingWorkloads{observation: m}).Observe(t.Context(), ref, false)
			wantReason(t, err, fault.Internal, false)
		})
	}
	one := neighbourToProto(workload.Neighbour{ID: strings.Repeat("a", 64), Name: "web", Started: time.Now()})
	for name, lie := range map[string]func(*artifactv1.Neighbour){
		"an id that is none":  func(c *artifactv1.Neighbour) { c.Id = "web" },
		"a name that acts":    func(c *artifactv1.Neighbour) { c.Name = "\x1b[2J" },
		"a project that acts": func(c *artifactv1.Neighbour) { c.Scope = "\x1b[2J" },
		"a service that acts": func(c *artifactv1.Neighbour) { c.Group = "a\nb" },
		"a time that is none": func(c *artifactv1.Neighbour) { c.Started.Nanos = -1 },
		"a share that acts":   func(c *artifactv1.Neighbour) { c.Shares = []*artifactv1.Share{{What: "network", With: "\x1b[2J"}} },
		"a volume that acts":  func(c *artifactv1.Neighbour) { c.Volumes = []string{"\x1b[2J"} },
	} {
		m := proto.CloneOf(one)
		lie(m)
		if _, err := serveLyingWorkloads(t, &lyingWorkloads{neighbours: []*artifactv1.Neighbour{one, m}}).Neighbours(t.Context(), ref); err == nil || fault.ReasonOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := serveLyingWorkloads(t, &lyingWorkloads{neighbours: slices.Repeat([]*artifactv1.Neighbour{one}, maxNeighbours+1)}).Neighbours(t.Context(), ref); err == nil || fault.ReasonOf(err) != fault.Internal {
		t.Errorf("too many neighbours: %v", err)
	}
	for name, lines := range map[string][]string{"more than asked": {"a", "b", "c"}, "one that acts": {"\x1b[2J"}} {
		_, err := serveLyingWorkloads(t, &lyingWorkloads{lines: lines}).Logs(t.Context(), ref, strings.Repeat("a", 64), workload.Tail{Lines: 2})
		if fault.ReasonOf(err) != fault.Internal || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func kubernetesWorkload(namespace, name string) *artifactv1.Workload {
	return &artifactv1.Workload{Runtime: &artifactv1.Workload_Kubernetes{Kubernetes: &artifactv1.KubernetesWorkload{Namespace: namespace, Name: name}}}
}

// A host names its workload and how to ask it. What the client takes from the host goes
// to screens and into commands for people.
func TestAPlacementThatWouldSteerIsNotBelieved(t *testing.T) {
	t.Parallel()
	ref := sampleChange(t).Ref
	for what, set := range map[string]func(*artifactv1.Placement, string){
		"compose.project": func(p *artifactv1.Placement, v string) { p.Workload.GetCompose().Project = v },
		"compose.service": func(p *artifactv1.Placement, v string) { p.Workload.GetCompose().Service = v },
		"container_name":  func(p *artifactv1.Placement, v string) { p.GetCompose().ContainerName = v },
		"image":           func(p *artifactv1.Placement, v string) { p.GetCompose().Image = v },
		"key_prefix":      func(p *artifactv1.Placement, v string) { p.KeyPrefix = v },
		"secrets":         func(p *artifactv1.Placement, v string) { p.Secrets = []string{"A", v} },
		"probe.path":      func(p *artifactv1.Placement, v string) { p.Probe.Path = v },
		"probe.flags":     func(p *artifactv1.Placement, v string) { p.Probe.Flags = []string{v} },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := observationToProto(seen(t))
			sound := proto.CloneOf(m.GetPlacement())
			w := serveLyingWorkloads(t, &lyingWorkloads{observation: m})
			for _, v := range steering() {
				if what == "probe.path" && v == "/etc/passwd" { // of a URL
					continue
				}
				m.Placement = proto.CloneOf(sound)
				set(m.GetPlacement(), v)
				if _, err := w.Observe(t.Context(), ref, false); err == nil || fault.ReasonOf(err) != fault.Internal {
					t.Errorf("%.40q: %v", v, err)
				}
			}
		})
	}
}

// A service of agent.yaml version 1 is named and no more. Its host may have a change
// that an older agent began, which knew no repository.
func TestAHostWithAnOlderConfigurationIsBelieved(t *testing.T) {
	t.Parallel()
	want := seen(t)
	want.Placement = workload.Spec{Ref: want.Placement.Ref}
	want.Pending.Change.Image.Repository = artifact.Repository{}
	want.Pending.Change.Image.Index = artifact.Digest{}
	want.Pending.Change.Image.Bytes = 0
	want.Pending.HeldUntil = time.Time{}
	a, _ := serveWorkloads(t, toldTarget{seen: want})
	got, err := a.workloads(t).Observe(t.Context(), want.Placement.Ref, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestASwitchWithoutExactlyOneResultIsNotOne(t *testing.T) {
	t.Parallel()
	result := &artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Result{Result: &artifactv1.SwitchResult{}}}
	say := func(p *artifactv1.Progress) *artifactv1.SwitchResponse {
		return &artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Progress{Progress: p}}
	}
	for name, c := range map[string]struct {
		steps []*artifactv1.SwitchResponse
		want  fault.Reason
	}{
		"nothing":         {nil, fault.HostUnreachable},
		"no end":          {nil, fault.HostUnreachable},
		"two results":     {[]*artifactv1.SwitchResponse{result, result}, fault.Internal},
		"more after it":   {[]*artifactv1.SwitchResponse{result, say(&artifactv1.Progress{Point: artifactv1.Point_POINT_TAG})}, fault.Internal},
		"an empty step":   {[]*artifactv1.SwitchResponse{{}, result}, fault.Internal},
		"a point of lies": {[]*artifactv1.SwitchResponse{say(&artifactv1.Progress{Point: artifactv1.Point_POINT_TAG, Text: "\x1b[2J"}), result}, fault.Internal},
	} {
		err := serveLyingWorkloads(t, &lyingWorkloads{steps: c.steps}).Switch(t.Context(), sampleChange(t), func(workload.Event) {})
		if err == nil || fault.ReasonOf(err) != c.want {
			t.Errorf("%s: %v (%s)", name, err, fault.ReasonOf(err))
		}
	}
	newer := []*artifactv1.SwitchResponse{say(&artifactv1.Progress{Point: 99, Text: "of tomorrow"}), say(&artifactv1.Progress{}), result}
	err := serveLyingWorkloads(t, &lyingWorkloads{steps: newer}).Switch(t.Context(), sampleChange(t), func(e workload.Event) {
		t.Errorf("reported as an event: %+v", e)
	})
	if err != nil {
		t.Errorf("a newer agent's point: %v", err)
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

func (s *slowTarget) Settle(ctx context.Context, _ workload.Ref, _ workload.Settlement, emit func(workload.Event)) error {
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
	given(t, slow.events, workload.Event{Point: workload.PointTag})
	taken(t, came)
	a.cut()
	taken(t, came) // the client is back: the last point comes again
	given(t, slow.events, workload.Event{Point: workload.PointSwitch})
	taken(t, came)
	given(t, slow.end, nil)
	if err := taken(t, done); err != nil {
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
	ref, settlement := sampleChange(t).Ref, workload.Settlement{ChangeID: "x", Outcome: workload.Revert}
	left := make(chan error, 1)
	go func() { left <- a.workloads(t).Settle(ctx, ref, settlement, nil) }()
	given(t, slow.events, workload.Event{Point: workload.PointSettle})
	cancel()
	wantReason(t, taken(t, left), fault.Interrupted, false)
	req := &artifactv1.SettleRequest{Workload: refToProto(ref), ChangeId: "x", Outcome: artifactv1.Outcome_OUTCOME_REVERT}
	again, err := s.begin(t.Context(), "settle", ref, req, time.Minute, func(context.Context, func(workload.Event)) error {
		t.Error("it is begun again")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	given[error](t, slow.end, fault.New(fault.RevertFailed, "no engine").WithHint("docker up"))
	events, err := again.wait(t.Context())
	wantReason(t, err, fault.RevertFailed, false)
	if len(events) != 1 || events[0].Point != workload.PointSettle {
		t.Errorf("a later caller gets %+v", events)
	}
	if slow.aborted.Load() || slow.began.Load() != 1 {
		t.Errorf("aborted %t, %d acts", slow.aborted.Load(), slow.began.Load())
	}
}

func TestAQuietActIsNotTakenForAStalledOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := newSlow()
		s := NewWorkloads(slow, slog.New(slog.DiscardHandler))
		s.quiet = 20 * time.Millisecond
		a := serveInMemory(t, func(r *grpc.Server) {
			Register(r, fakeHost{Description{AgentVersion: "0.9"}}, nil, nil)
			s.Register(r)
		})
		defer s.Close()
		w := a.dial(t, Options{Stall: 200 * time.Millisecond}).Workloads()
		go func() {
			time.Sleep(600 * time.Millisecond)
			slow.end <- nil
		}()
		if err := w.Switch(t.Context(), sampleChange(t), func(e workload.Event) { t.Errorf("%+v", e) }); err != nil {
			t.Fatal(err)
		}
		if n := slow.began.Load(); n != 1 {
			t.Errorf("%d switches", n)
		}
	})
}

func TestAStoppingAgentEndsItsActsAndBeginsNone(t *testing.T) {
	t.Parallel()
	slow := newSlow()
	a, s := serveWorkloads(t, slow)
	w := a.workloads(t)
	done := make(chan error, 1)
	go func() { done <- w.Switch(t.Context(), sampleChange(t), func(workload.Event) {}) }()
	given(t, slow.events, workload.Event{Point: workload.PointTag})
	s.Close()
	if !slow.aborted.Load() {
		t.Error("the act goes on")
	}
	wantReason(t, taken(t, done), fault.HostUnreachable, true)
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
	errs := make(chan error, maxJobs+1)
	ask := func(n int) {
		c := sampleChange(t)
		c.ID = "change-" + string(rune('a'+n))
		_, err := recvAll(stub.Switch(t.Context(), &artifactv1.SwitchRequest{Change: changeToProto(c)}))
		errs <- err
	}
	// A connection may have sixteen calls going, so the last comes over another.
	for n := range maxJobs {
		go ask(n)
	}
	counted(t, slow.began.Load, maxJobs)
	stub = artifactv1.NewWorkloadServiceClient(a.dial(t, Options{}).conn)
	ask(maxJobs)
	if f := fromStatus("", taken(t, errs)); f.Reason != fault.Busy || !f.Retry {
		t.Errorf("%v", f)
	}
	s.Close()
	for range maxJobs {
		if err := taken(t, errs); err == nil {
			t.Error("an act that was ended is reported as none")
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
		"observe": func() error { _, err := w.Observe(t.Context(), c.Ref, false); return err },
		"list":    func() error { _, err := w.Neighbours(t.Context(), c.Ref); return err },
		"find":    func() error { _, _, err := w.FindImage(t.Context(), c.Ref, c.Image); return err },
		"logs":    func() error { _, err := w.Logs(t.Context(), c.Ref, containerID, workload.Tail{Lines: 1}); return err },
		"stage":   func() error { return w.Stage(t.Context(), c.Ref, c.Image, nil) },
		"switch":  func() error { return w.Switch(t.Context(), c, nil) },
		"renew":   func() error { return w.Renew(t.Context(), c.Ref, c.ID) },
		"settle":  func() error { return w.Settle(t.Context(), c.Ref, workload.Settlement{ChangeID: "x"}, nil) },
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

// A host that cannot read a definition reports what runs, and why it cannot.
func TestADefinitionThatCannotBeReadIsToldWithWhatRuns(t *testing.T) {
	t.Parallel()
	want := seen(t)
	want.Units, want.Stamped, want.Secrets = nil, nil, nil
	why := fault.Transient(fault.EnvFileInvalid, "line 2").WithHint("mend it")
	want.Unread = why
	a, _ := serveWorkloads(t, toldTarget{seen: want})
	got, err := a.workloads(t).Observe(t.Context(), want.Placement.Ref, false)
	if err != nil {
		t.Fatal(err)
	}
	if u := got.Unread; fault.ReasonOf(u) != why.Reason || u.Error() != "line 2" || fault.HintOf(u) != "mend it" || !fault.Retryable(u) || len(got.Instances) != 1 || got.Pending == nil {
		t.Errorf("%+v", got)
	}
}
