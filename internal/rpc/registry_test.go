package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// filler gives each field of a value another value, so that a field which is forgotten
// or mistaken for its neighbour on the way shows.
type filler struct {
	n   int
	odd bool
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(int64(f.n), int64(f.n)).UTC()))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.IPv6LinkLocalAllNodes(), uint16(f.n))))
		return
	case artifact.Digest:
		v.Set(reflect.ValueOf(artifact.DigestOf([]byte{byte(f.n)})))
		return
	case registry.FileState:
		v.Set(reflect.ValueOf(registry.Regular)) // the only state with a hash
		return
	case registry.Step:
		v.Set(reflect.ValueOf(registry.StepRestore))
		return
	case map[registry.FileName]registry.FileFacts:
		files := map[registry.FileName]registry.FileFacts{}
		for _, name := range registry.FileNames() {
			var file registry.FileFacts
			f.fill(reflect.ValueOf(&file).Elem())
			files[name] = file
		}
		v.Set(reflect.ValueOf(files))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("word ", f.n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Bool:
		v.SetBool((f.n%2 == 0) != f.odd)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic("no value for a " + v.Type().String())
	}
}

func filled[T any](odd bool) (v T) {
	(&filler{odd: odd}).fill(reflect.ValueOf(&v).Elem())
	return v
}

var registryValues = cmp.Options{
	cmp.AllowUnexported(artifact.Digest{}),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

// wanted are settings of which none is the default.
func wanted() registry.Settings {
	return registry.Settings{
		Image: "registry.example:5000/mirror/registry:2.8.3@" + artifact.DigestOf(nil).String(), Directory: "/srv/registry", Storage: "/srv/blobs",
		Endpoint: netip.MustParseAddrPort("[::1]:5001"),
	}
}

func hashes() registry.Hashes {
	h := registry.Hashes{}
	for _, f := range registry.FileNames() {
		h[f] = artifact.DigestOf([]byte(f))
	}
	return h
}

// fakeRegistry keeps what it was asked for.
type fakeRegistry struct {
	settings  registry.Settings
	expected  registry.Hashes
	facts     registry.Facts
	err       error
	steps     []registry.Progress
	installed registry.Installed
	// during, when set, runs in Install after the steps were emitted.
	during func(ctx context.Context, emit func(registry.Progress))
}

func (f *fakeRegistry) Inspect(_ context.Context, s registry.Settings) (registry.Facts, error) {
	f.settings = s
	return f.facts, f.err
}

func (f *fakeRegistry) Install(ctx context.Context, s registry.Settings, expected registry.Hashes, emit func(registry.Progress)) (registry.Installed, error) {
	f.settings, f.expected = s, expected
	for _, p := range f.steps {
		emit(p)
	}
	if f.during != nil {
		f.during(ctx, emit)
	}
	return f.installed, f.err
}

// serveRegistry serves a host until the test ends, which ends its installations too.
func serveRegistry(t *testing.T, f *fakeRegistry) agent {
	t.Helper()
	a, _ := serveInstalls(t, f, 0)
	return a
}

func serveInstalls(t *testing.T, f *fakeRegistry, grace time.Duration) (agent, *Registry) {
	t.Helper()
	s := NewRegistry(f, slog.New(slog.DiscardHandler))
	s.jobs.grace = grace
	a := serve(t, func(r *grpc.Server) {
		Register(r, fakeHost{Description{AgentVersion: "0.9"}}, nil, nil)
		s.Register(r)
	})
	t.Cleanup(s.Close)
	return a, s
}

func ignore(registry.Progress) {}

func TestEveryFactOfARegistryCrosses(t *testing.T) {
	t.Parallel()
	for _, odd := range []bool{false, true} {
		want := filled[registry.Facts](odd)
		f := &fakeRegistry{facts: want}
		got, err := serveRegistry(t, f).dial(t, Options{}).Inspect(t.Context(), wanted())
		if diff := cmp.Diff(want, got, registryValues); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if f.settings != wanted() {
			t.Errorf("settings arrived as %+v", f.settings)
		}
	}
}

func TestEveryPartOfAnInstallationCrosses(t *testing.T) {
	t.Parallel()
	for _, odd := range []bool{false, true} {
		f := &fakeRegistry{installed: filled[registry.Installed](odd)}
		f.steps = []registry.Progress{filled[registry.Progress](odd)}
		for _, s := range []registry.Step{
			registry.StepCheck, registry.StepImage, registry.StepFolder, registry.StepFile, registry.StepReload,
			registry.StepEnable, registry.StepStart, registry.StepVerify, registry.StepRestore,
		} {
			f.steps = append(f.steps, registry.Progress{Step: s, Target: "x"})
		}
		var steps []registry.Progress
		got, err := serveRegistry(t, f).dial(t, Options{}).Install(t.Context(), wanted(), hashes(), func(p registry.Progress) { steps = append(steps, p) })
		if diff := cmp.Diff(f.installed, got, registryValues); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if diff := cmp.Diff(f.steps, steps); diff != "" {
			t.Error(diff)
		}
		if f.settings != wanted() || !maps.Equal(f.expected, hashes()) {
			t.Errorf("arrived as %+v, %v", f.settings, f.expected)
		}
	}
}

func TestARegistryThatIsNotThereIsAFactToo(t *testing.T) {
	t.Parallel()
	want := registry.Facts{
		At: time.Unix(1, 2).UTC(), Listeners: []netip.AddrPort{},
		Files: map[registry.FileName]registry.FileFacts{
			registry.ConfigFile: {Path: "/a", State: registry.Absent}, registry.ComposeFile: {Path: "/b", State: registry.Other},
			registry.UnitFile: {Path: "/c", State: registry.Unreadable},
		},
	}
	got, err := serveRegistry(t, &fakeRegistry{facts: want}).dial(t, Options{}).Inspect(t.Context(), wanted())
	if diff := cmp.Diff(want, got, registryValues); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// A part that is stuck takes away its own facts, and no other part's.
func TestAPartThatCouldNotBeReadTakesAwayThatPartOnly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*artifactv1.RegistryFacts)
		want   []registry.Part
	}{
		"the files": {func(m *artifactv1.RegistryFacts) {
			m.Files, m.UnreadParts, m.Unread = nil, []string{"files"}, []string{"files: not read within 2s"}
		}, []registry.Part{registry.PartFiles}},
		"the files, of an agent that names no parts": {func(m *artifactv1.RegistryFacts) {
			m.Files, m.UnreadParts, m.Unread = nil, nil, []string{"files: not read within 2s"}
		}, []registry.Part{registry.PartFiles}},
		"the listeners, of such an agent": {func(m *artifactv1.RegistryFacts) {
			m.UnreadParts, m.Unread = nil, []string{"weather: bad", "listeners: denied"}
		}, []registry.Part{registry.PartListeners}},
		"storage and listeners": {func(m *artifactv1.RegistryFacts) {
			m.UnreadParts = []string{"storage", "listeners"}
		}, []registry.Part{registry.PartStorage, registry.PartListeners}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := filled[registry.Facts](false)
			m := factsToProto(sent)
			c.change(m)
			var f fields
			got := f.facts(m)
			if f.err != nil || !slices.Equal(got.Unseen, c.want) || got.Container == nil || got.Container.ID != sent.Container.ID {
				t.Errorf("%+v, %v", got, f.err)
			}
			for _, name := range registry.FileNames() {
				if got.Files[name].State == "" || len(m.GetFiles()) == 0 && got.Files[name].State != registry.Unreadable {
					t.Errorf("%s is %q", name, got.Files[name].State)
				}
			}
		})
	}
}

func TestTheHostsRefusalCrosses(t *testing.T) {
	t.Parallel()
	f := &fakeRegistry{err: fault.New(fault.PortInUse, "somebody else listens").WithHint("ss -ltnp"), steps: []registry.Progress{{Step: registry.StepCheck}}}
	c := serveRegistry(t, f).dial(t, Options{})
	_, inspect := c.Inspect(t.Context(), wanted())
	told := 0
	_, install := c.Install(t.Context(), wanted(), hashes(), func(registry.Progress) { told++ })
	for _, err := range []error{inspect, install} {
		wantReason(t, err, fault.PortInUse, false)
		if !strings.HasSuffix(err.Error(), "the registry: somebody else listens") || fault.HintOf(err) != "ss -ltnp" {
			t.Errorf("%v, hint %q", err, fault.HintOf(err))
		}
	}
	if told != 1 {
		t.Errorf("%d steps were reported", told)
	}
}

func TestBadRequestsForARegistryAreRefused(t *testing.T) {
	t.Parallel()
	f := &fakeRegistry{}
	a := serveRegistry(t, f)
	c := a.dial(t, Options{})
	for name, spoil := range map[string]func(*artifactv1.RegistrySettings){
		"no image":                   func(s *artifactv1.RegistrySettings) { s.Image = "" },
		"an image of no version":     func(s *artifactv1.RegistrySettings) { s.Image = "registry" },
		"a folder that climbs":       func(s *artifactv1.RegistrySettings) { s.Directory = "/srv/../etc" },
		"a folder with YAML":         func(s *artifactv1.RegistrySettings) { s.Directory = "/srv/a: b" },
		"a relative storage":         func(s *artifactv1.RegistrySettings) { s.Storage = "blobs" },
		"no endpoint":                func(s *artifactv1.RegistrySettings) { s.Endpoint = "" },
		"an endpoint for everybody":  func(s *artifactv1.RegistrySettings) { s.Endpoint = "0.0.0.0:5000" },
		"an endpoint that is a name": func(s *artifactv1.RegistrySettings) { s.Endpoint = "localhost:5000" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := settingsToProto(wanted())
			spoil(m)
			_, err := c.registry.Inspect(t.Context(), &artifactv1.InspectRequest{Settings: m})
			wantReason(t, fromStatus("", err), fault.InvalidRequest, false)
			wantReason(t, c.install(t.Context(), &artifactv1.InstallRequest{Settings: m, Expected: hashesToProto(hashes())}), fault.InvalidRequest, false)
		})
	}
	for name, spoil := range map[string]func([]*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile{
		"no hashes": func([]*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile { return nil },
		"two":       func(l []*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile { return l[:2] },
		"one twice": func(l []*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile { return append(l, l[0]) },
		"no file": func(l []*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile {
			return append(l, &artifactv1.ExpectedFile{Sha256: l[0].GetSha256()})
		},
		"a file of tomorrow": func(l []*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile {
			return append(l, &artifactv1.ExpectedFile{File: 4, Sha256: l[0].GetSha256()})
		},
		"an empty hash": func(l []*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile { l[1].Sha256 = ""; return l },
		"a bare hash": func(l []*artifactv1.ExpectedFile) []*artifactv1.ExpectedFile {
			l[1].Sha256 = strings.Repeat("0", 64)
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &artifactv1.InstallRequest{Settings: settingsToProto(wanted()), Expected: spoil(hashesToProto(hashes()))}
			wantReason(t, c.install(t.Context(), m), fault.InvalidRequest, false)
		})
	}
	t.Cleanup(func() { // after all of them
		if f.settings != (registry.Settings{}) {
			t.Errorf("the host was asked for %+v", f.settings)
		}
	})
}

// install sends a request as it is.
func (c *Client) install(ctx context.Context, m *artifactv1.InstallRequest) error {
	stream, err := c.registry.Install(ctx, m)
	if err == nil {
		_, err = stream.Recv()
	}
	return fromStatus("", err)
}

// registryLiar answers as an agent that is not to be believed.
type registryLiar struct {
	artifactv1.UnimplementedRegistryServiceServer
	facts *artifactv1.RegistryFacts
	steps []*artifactv1.InstallResponse
}

func (l *registryLiar) Inspect(context.Context, *artifactv1.InspectRequest) (*artifactv1.InspectResponse, error) {
	return &artifactv1.InspectResponse{Facts: l.facts}, nil
}

func (l *registryLiar) Install(_ *artifactv1.InstallRequest, s grpc.ServerStreamingServer[artifactv1.InstallResponse]) error {
	for _, m := range l.steps {
		if err := s.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func (l *registryLiar) dial(t *testing.T) *Client {
	t.Helper()
	return serve(t, func(s *grpc.Server) { artifactv1.RegisterRegistryServiceServer(s, l) }).dial(t, Options{})
}

func result(f *artifactv1.RegistryFacts) *artifactv1.InstallResponse {
	return &artifactv1.InstallResponse{Step: &artifactv1.InstallResponse_Result{Result: &artifactv1.InstallResult{Facts: f}}}
}

func reached(s artifactv1.InstallStep) *artifactv1.InstallResponse {
	return &artifactv1.InstallResponse{Step: &artifactv1.InstallResponse_Progress{Progress: &artifactv1.InstallProgress{Step: s}}}
}

func TestFactsThatCannotBeAreNotBelieved(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(*artifactv1.RegistryFacts){
		"nothing at all":              func(f *artifactv1.RegistryFacts) { proto.Reset(f) },
		"no time":                     func(f *artifactv1.RegistryFacts) { f.Time = nil },
		"a time of no calendar":       func(f *artifactv1.RegistryFacts) { f.Time = &timestamppb.Timestamp{Nanos: -1} },
		"a container made at no time": func(f *artifactv1.RegistryFacts) { f.Container.Created.Nanos = -1 },
		"a file changed at no time":   func(f *artifactv1.RegistryFacts) { f.Files[1].Changed.Nanos = -1 },
		"a listener that is no port":  func(f *artifactv1.RegistryFacts) { f.Listeners = append(f.Listeners, "127.0.0.1") },
		"a listener that is a name":   func(f *artifactv1.RegistryFacts) { f.Listeners[0] = "localhost:5000" },
		"a strange publication":       func(f *artifactv1.RegistryFacts) { f.Container.Published[0] = "invalid AddrPort" },
		"a status beyond all":         func(f *artifactv1.RegistryFacts) { f.Api.Status = 1 << 31 },
		"more room than there is":     func(f *artifactv1.RegistryFacts) { f.Storage.FreeBytes = 1 << 63 },
		"two files":                   func(f *artifactv1.RegistryFacts) { f.Files = f.Files[:2] },
		"a file twice":                func(f *artifactv1.RegistryFacts) { f.Files = append(f.Files, f.Files[0]) },
		"a fourth file": func(f *artifactv1.RegistryFacts) {
			f.Files = append(f.Files, &artifactv1.RegistryFileFact{File: 4, State: 1})
		},
		"a file of no name":     func(f *artifactv1.RegistryFacts) { f.Files[0].File = 0 },
		"no state":              func(f *artifactv1.RegistryFacts) { f.Files[0].State, f.Files[0].Sha256 = 0, "" },
		"a state of tomorrow":   func(f *artifactv1.RegistryFacts) { f.Files[0].State, f.Files[0].Sha256 = 9, "" },
		"a file without a hash": func(f *artifactv1.RegistryFacts) { f.Files[0].Sha256 = "" },
		"a hash that is none":   func(f *artifactv1.RegistryFacts) { f.Files[0].Sha256 = "md5:1" },
		"a hash of nothing": func(f *artifactv1.RegistryFacts) {
			f.Files[0].State = artifactv1.RegistryFileFact_STATE_ABSENT
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := factsToProto(filled[registry.Facts](false))
			lie(m)
			c := (&registryLiar{facts: m, steps: []*artifactv1.InstallResponse{result(m)}}).dial(t)
			_, err := c.Inspect(t.Context(), wanted())
			wantReason(t, err, fault.Internal, false)
			_, err = c.Install(t.Context(), wanted(), hashes(), ignore)
			wantReason(t, err, fault.Internal, false)
		})
	}
}

func TestAnInstallationIsProgressAndThenOneResult(t *testing.T) {
	t.Parallel()
	facts := factsToProto(filled[registry.Facts](false))
	check := reached(artifactv1.InstallStep_INSTALL_STEP_CHECK)
	for name, c := range map[string]struct {
		steps []*artifactv1.InstallResponse
		want  fault.Reason
		retry bool
		told  int
	}{
		"nothing":                 {nil, fault.HostUnreachable, true, 0},
		"no result":               {[]*artifactv1.InstallResponse{check, check}, fault.HostUnreachable, true, 2},
		"two results":             {[]*artifactv1.InstallResponse{result(facts), result(facts)}, fault.Internal, false, 0},
		"progress after a result": {[]*artifactv1.InstallResponse{check, result(facts), check}, fault.Internal, false, 1},
		"an empty message":        {[]*artifactv1.InstallResponse{{}, result(facts)}, fault.Internal, false, 0},
		"a step without a name":   {[]*artifactv1.InstallResponse{reached(0), result(facts)}, fault.Internal, false, 0},
		"a step of tomorrow":      {[]*artifactv1.InstallResponse{reached(99), result(facts)}, fault.Internal, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := 0
			_, err := (&registryLiar{steps: c.steps}).dial(t).Install(t.Context(), wanted(), hashes(), func(registry.Progress) { told++ })
			wantReason(t, err, c.want, c.retry)
			if told != c.told {
				t.Errorf("%d steps were reported, want %d", told, c.told)
			}
		})
	}
}

func TestAnInstallationGoesOnWhenItsClientHasGone(t *testing.T) {
	t.Parallel()
	gone, ended := make(chan struct{}), make(chan error, 1)
	f := &fakeRegistry{steps: []registry.Progress{{Step: registry.StepCheck}}}
	f.during = func(ctx context.Context, emit func(registry.Progress)) {
		<-gone
		for range 100 { // far more than an installation emits
			emit(registry.Progress{Step: registry.StepVerify})
		}
		ended <- context.Cause(ctx)
	}
	a := serveRegistry(t, f)
	_, err := a.dial(t, Options{}).Install(t.Context(), wanted(), hashes(), func(registry.Progress) { a.cut() })
	wantReason(t, err, fault.HostUnreachable, true)
	close(gone)
	if err := taken(t, ended); err != nil {
		t.Errorf("it ended with its client: %v", err)
	}
}

// installs is a host whose installations wait to be let go.
func installs() (f *fakeRegistry, begun chan context.Context, release chan struct{}) {
	begun, release = make(chan context.Context, 9), make(chan struct{})
	f = &fakeRegistry{installed: filled[registry.Installed](false), steps: []registry.Progress{{Step: registry.StepCheck}}}
	f.during = func(ctx context.Context, _ func(registry.Progress)) {
		begun <- ctx
		select {
		case <-release:
		case <-ctx.Done():
			f.err = fault.New(fault.UnitFailed, "given up: %w", context.Cause(ctx))
		}
	}
	return f, begun, release
}

func TestTheSameInstallationIsAttachedToAndAnotherIsRefused(t *testing.T) {
	t.Parallel()
	f, begun, release := installs()
	a := serveRegistry(t, f)
	type end struct {
		installed registry.Installed
		err       error
	}
	first, second := make(chan end, 1), make(chan end, 1)
	go func() {
		i, err := a.dial(t, Options{}).Install(t.Context(), wanted(), hashes(), ignore)
		first <- end{i, err}
	}()
	taken(t, begun)
	heard := make(chan struct{}, 9)
	go func() {
		i, err := a.dial(t, Options{}).Install(t.Context(), wanted(), hashes(), func(registry.Progress) { heard <- struct{}{} })
		second <- end{i, err}
	}()
	taken(t, heard) // of the step before it came
	other, c := wanted(), a.dial(t, Options{})
	other.Storage = "/srv/other"
	_, err := c.Install(t.Context(), other, hashes(), ignore)
	wantReason(t, err, fault.Busy, true)
	for _, word := range []string{"another installation", wanted().Image, wanted().Directory, wanted().Endpoint.String()} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not named: %v", word, err)
		}
	}
	if fault.ActionOf(err) != fault.RegistryStatus || !strings.Contains(fault.HintOf(err), "wait for it") {
		t.Errorf("hint %q, action %q", fault.HintOf(err), fault.ActionOf(err))
	}
	close(release)
	for name, ended := range map[string]chan end{"first": first, "second": second} {
		e := taken(t, ended)
		if diff := cmp.Diff(f.installed, e.installed, registryValues); diff != "" || e.err != nil {
			t.Errorf("the %s: %v %s", name, e.err, diff)
		}
	}
	if n := len(begun); n != 0 {
		t.Errorf("%d installations more were begun", n)
	}
	if _, err := c.Install(t.Context(), other, hashes(), ignore); err != nil || f.settings != other {
		t.Errorf("after it: %v, of %+v", err, f.settings)
	}
}

// closing waits until a service lets no job begin.
func (s *Registry) closing() {
	for closed := false; !closed; time.Sleep(time.Millisecond) {
		s.jobs.mu.Lock()
		closed = s.jobs.closed
		s.jobs.mu.Unlock()
	}
}

func TestAnInstallationGetsTheGraceOfAStop(t *testing.T) {
	t.Parallel()
	f, begun, release := installs()
	a, s := serveInstalls(t, f, time.Hour)
	c, ended, closed := a.dial(t, Options{}), make(chan error, 1), make(chan struct{})
	go func() {
		_, err := c.Install(t.Context(), wanted(), hashes(), ignore)
		ended <- err
	}()
	ctx := taken(t, begun)
	go func() {
		s.Close()
		close(closed)
	}()
	s.closing()
	other := wanted()
	other.Storage = "/srv/other"
	_, err := c.Install(t.Context(), other, hashes(), ignore)
	wantReason(t, err, fault.HostUnreachable, true)
	if err := ctx.Err(); err != nil {
		t.Errorf("it was ended at once: %v", err)
	}
	select {
	case <-closed:
		t.Error("the stop does not wait")
	default:
	}
	close(release)
	if err := taken(t, ended); err != nil {
		t.Errorf("it ended with %v", err)
	}
	taken(t, closed)
}

func TestAnInstallationThatTakesLongerThanTheGraceIsEnded(t *testing.T) {
	t.Parallel()
	f, begun, _ := installs()
	a, s := serveInstalls(t, f, time.Millisecond)
	ended := make(chan error, 1)
	c := a.dial(t, Options{})
	go func() {
		_, err := c.Install(t.Context(), wanted(), hashes(), ignore)
		ended <- err
	}()
	taken(t, begun)
	s.Close()
	err := taken(t, ended)
	wantReason(t, err, fault.UnitFailed, false) // in the words of the host, which put back what was there
	if !strings.Contains(err.Error(), "install the registry: given up: the agent is being stopped") {
		t.Errorf("it ended with %v", err)
	}
}

// A host may return when ctx ends, and emit its steps later.
func TestNothingIsSentOnAStreamWhoseHandlerHasReturned(t *testing.T) {
	t.Parallel()
	var late sync.WaitGroup
	kept := make(chan func(registry.Progress), 1)
	f := &fakeRegistry{installed: filled[registry.Installed](false)}
	f.during = func(_ context.Context, emit func(registry.Progress)) {
		kept <- emit
		for range 4 { // and some while it returns
			late.Go(func() {
				for range 100 {
					emit(registry.Progress{Step: registry.StepVerify})
				}
			})
		}
	}
	c := serveRegistry(t, f).dial(t, Options{})
	if _, err := c.Install(t.Context(), wanted(), hashes(), ignore); err != nil {
		t.Errorf("the result was not the last: %v", err)
	}
	taken(t, kept)(registry.Progress{Step: registry.StepVerify})
	late.Wait()
}

func TestAnInstallationThatSaysNothingStalls(t *testing.T) {
	t.Parallel()
	f := &fakeRegistry{during: func(ctx context.Context, _ func(registry.Progress)) { <-ctx.Done() }}
	_, err := serveRegistry(t, f).dial(t, Options{Step: 200 * time.Millisecond}).Install(t.Context(), wanted(), hashes(), ignore)
	wantReason(t, err, fault.Stalled, true)
}

func TestAStepMayTakeLongerThanAChunk(t *testing.T) {
	t.Parallel()
	f := &fakeRegistry{installed: filled[registry.Installed](false)}
	f.during = func(context.Context, func(registry.Progress)) { time.Sleep(300 * time.Millisecond) }
	if _, err := serveRegistry(t, f).dial(t, Options{Stall: 50 * time.Millisecond}).Install(t.Context(), wanted(), hashes(), ignore); err != nil {
		t.Error(err)
	}
}

func TestTheTunnelsReasonComesThroughAnInstallationToo(t *testing.T) {
	t.Parallel()
	f := &fakeRegistry{steps: []registry.Progress{{Step: registry.StepCheck}}}
	f.during = func(ctx context.Context, _ func(registry.Progress)) { <-ctx.Done() }
	a := serveRegistry(t, f)
	why := fault.Transient(fault.HostUnreachable, "ssh failed")
	c, err := Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := a.connect(ctx)
		return told{conn, why}, err
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err = c.Install(t.Context(), wanted(), hashes(), func(registry.Progress) { a.cut() }); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestAnAgentWithoutARegistryIsNamedWithItsVersion(t *testing.T) {
	t.Parallel()
	c := serve(t, func(s *grpc.Server) { Register(s, fakeHost{Description{AgentVersion: "0.9"}}, nil, nil) }).dial(t, Options{})
	_, inspect := c.Inspect(t.Context(), wanted())
	_, install := c.Install(t.Context(), wanted(), hashes(), ignore)
	for _, err := range []error{inspect, install} {
		wantReason(t, err, fault.CapabilityMissing, false)
		if !strings.Contains(err.Error(), "0.9") || !strings.Contains(err.Error(), "1.1") || fault.HintOf(err) == "" {
			t.Errorf("%v, hint %q", err, fault.HintOf(err))
		}
	}
}

// The enums of the contract and their names here are two lists of the same.
func TestTheContractsFilesAreThoseOfTheRegistry(t *testing.T) {
	t.Parallel()
	for v := range artifactv1.RegistryFile_name {
		name, ok := fileOf(artifactv1.RegistryFile(v))
		if ok != (v != 0) || ok && fileToProto(name) != artifactv1.RegistryFile(v) {
			t.Errorf("file %d is %q", v, name)
		}
	}
	for _, name := range registry.FileNames() {
		if got, ok := fileOf(fileToProto(name)); got != name || !ok {
			t.Errorf("%s is %q in the contract", name, got)
		}
	}
}
