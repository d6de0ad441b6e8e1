package cli

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// agent is one whose registry is what the test says.
type agent struct {
	facts registry.Facts
	steps []registry.Progress
	err   error
	// cut has an installation's connection end after its steps.
	cut bool
	end func()
}

func (a agent) Describe(context.Context) (rpc.Description, error) {
	return rpc.Description{}, nil
}

func (a agent) Inspect(context.Context, registry.Settings) (registry.Facts, error) {
	return a.facts, a.err
}

func (a agent) Install(_ context.Context, s registry.Settings, expected registry.Hashes, emit func(registry.Progress)) (registry.Installed, error) {
	if !maps.Equal(registry.Render(s).Hashes(), expected) {
		return registry.Installed{}, fault.New(fault.RenderMismatch, "hashes differ")
	}
	done := registry.Installed{Facts: a.facts}
	for _, p := range a.steps {
		emit(p)
		if p.Changed {
			done.Changes++
		}
	}
	if a.cut {
		a.end()
	}
	return done, a.err
}

// well is a host whose registry is as it should be.
func well() registry.Facts {
	s := registry.Defaults()
	f := registry.Facts{
		Unit: &registry.UnitFacts{Load: "loaded", Active: "active", File: "enabled"}, Engine: &registry.EngineFacts{Version: "28.1.0", HasImage: true},
		Container: &registry.ContainerFacts{ID: "c1", State: "running", Image: s.Image, Project: registry.Project, Published: []netip.AddrPort{s.Endpoint}},
		Listeners: []netip.AddrPort{s.Endpoint}, API: registry.APIFacts{Status: http.StatusOK}, Storage: registry.StorageFacts{Exists: true},
		Files: map[registry.FileName]registry.FileFacts{},
	}
	for _, file := range registry.Render(s) {
		f.Files[file.Name] = registry.FileFacts{Path: file.Path, State: registry.Regular, Hash: file.Hash()}
	}
	return f
}

// ran is what a command printed and came to.
type ran struct {
	out, err string
	code     int
}

// first tells of the first line that is written.
func first(tell func()) writer { return writer(sync.OnceFunc(tell)) }

type writer func()

func (w writer) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

// ask runs a command of artifact-registry against the agent.
func ask(t *testing.T, served agent, words ...string) ran {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "agent.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(rpc.ServerOptions()...)
	heard := make(chan struct{})
	served.end = func() {
		<-heard
		server.Stop()
	}
	rpc.Register(server, served, nil, nil)
	installs := rpc.NewRegistry(served, slog.New(slog.DiscardHandler))
	installs.Register(server)
	t.Cleanup(installs.Close)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	config := "version: 1\nhosts: {D601: {socket: " + socket + "}}\nmaster: {root: /srv/unidesk}\n"
	if err := os.WriteFile(filepath.Join(dir, "controller.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, complaints strings.Builder
	args := append([]string{"--config", dir, "artifact-registry"}, words...)
	code := Run(t.Context(), args, Streams{Out: &out, Err: io.MultiWriter(&complaints, first(func() { close(heard) }))}, "test", nil)
	return ran{strings.ReplaceAll(out.String(), " --config "+dir, ""), complaints.String(), code}
}

func TestStatusAndHealthAnswerTwoQuestionsOfOneRead(t *testing.T) {
	t.Parallel()
	edited := func(name registry.FileName) func(*registry.Facts) {
		return func(f *registry.Facts) {
			file := f.Files[name]
			file.State, file.Hash = registry.Absent, registry.FileFacts{}.Hash
			f.Files[name] = file
		}
	}
	for name, tt := range map[string]struct {
		change         func(*registry.Facts)
		err            error
		decision       string
		status, health int // exit codes
		runtime        bool
	}{
		"well":          {func(*registry.Facts) {}, nil, "healthy", 0, 0, true},
		"stopped unit":  {func(f *registry.Facts) { f.Unit.Active = "inactive" }, nil, "service-degraded", 0, 4, true},
		"edited config": {edited(registry.ConfigFile), nil, "drifted", 0, 4, true},
		"dead": {func(f *registry.Facts) {
			f.Container.State, f.API = "exited", registry.APIFacts{Error: "refused"}
		}, nil, "runtime-unavailable", 0, 1, false},
		"nothing there": {func(f *registry.Facts) {
			*f = registry.Facts{Unit: &registry.UnitFacts{Load: "not-found", Active: "inactive"}, Engine: f.Engine, Files: f.Files}
			for _, name := range registry.FileNames() {
				edited(name)(f)
			}
		}, nil, "not-installed", 0, 1, false},
		"paths not given": {func(*registry.Facts) {}, fault.New(fault.PathRefused, "not below").WithHint("list it"), "refused", 1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			served := agent{facts: well(), err: tt.err}
			tt.change(&served.facts)
			for command, code := range map[string]int{"status": tt.status, "health": tt.health} {
				got := ask(t, served, command, "-o", "json")
				var r registryanswer.Result
				if err := json.Unmarshal([]byte(got.out), &r); err != nil {
					t.Fatalf("%s: %v in %s", command, err, got.out)
				}
				if got.code != code || r.OK != (code == 0) || string(r.Decision) != tt.decision || r.RuntimeAPIHealthy != tt.runtime || r.Host != "D601" || got.err != "" {
					t.Errorf("%s: exit %d, want %d\n%s%s", command, got.code, code, got.out, got.err)
				}
				text := ask(t, served, command)
				if text.code != code || !strings.HasPrefix(text.out, tt.decision+"  registry on D601 at http://127.0.0.1:5000\n") || text.err != "" {
					t.Errorf("%s: exit %d\n%s%s", command, text.code, text.out, text.err)
				}
			}
		})
	}
}

func TestHealthForPeopleShowsEachCheckAndWhatToType(t *testing.T) {
	t.Parallel()
	served := agent{facts: well()}
	served.facts.Unit.Active, served.facts.Engine.Version = "inactive", "20.10.24"
	want := `service-degraded  registry on D601 at http://127.0.0.1:5000
  because        the registry serves; how it is kept running is not as it should be
  API usable     yes: pulls and pushes work
  check          ✓ registry-readable an answer
  check          ✓ unit-exists loaded
  check          ✗ unit-active is inactive, want active
                 on the host, as root: systemctl start unidesk-artifact-registry.service
  check          ✓ unit-enabled enabled
  check          ✓ engine-usable version 20.10.24
  check          ✓ container-running running
  check          ✓ listener-loopback-only 127.0.0.1:5000
  check          ✓ api-answers-200 200
  check          ✓ storage-exists a folder
  check          ✓ config-hash sha256:479b513f6c331c956888be0551c331b902f8f144f5fd6d80ac0dee29784916dd
  check          ✓ compose-hash sha256:9fa1e5973418d85d4e07a62343fb884838eedec59811b0a2347b4b75b3f44a0d
  check          ✓ unit-hash sha256:e45a2a66d68ea3f83e8d0a6a74e679c56de214bf72b62d7ee97a87477b94d33c
  check          ✓ image-expected registry:2.8.3
  warning        engine 20.10.24 is older than 28: a port that it publishes on loopback can be reached from the same network segment
  not covered    provider heartbeat, Host SSH, k3sctl-adapter, Code Queue scheduler, business APIs
  next           on the host, as root: systemctl start unidesk-artifact-registry.service
`
	if diff := cmp.Diff(want, ask(t, served, "health").out); diff != "" {
		t.Error(diff)
	}
}

func TestInstallTellsItsStepsAndThenTheHealth(t *testing.T) {
	t.Parallel()
	served := agent{facts: well(), steps: []registry.Progress{
		{Step: registry.StepCheck, Target: registry.Unit},
		{Step: registry.StepFile, Target: "/etc/x", Changed: true, Kept: "/etc/x.kept-0123456789ab"},
		{Step: registry.StepStart, Target: registry.Unit, Changed: true},
	}}
	got := ask(t, served, "install")
	if got.code != 0 || !strings.HasPrefix(got.out, "healthy  registry on D601 at http://127.0.0.1:5000, 2 changes\n") || !strings.Contains(got.out, "  kept           /etc/x.kept-0123456789ab\n") {
		t.Errorf("exit %d\n%s", got.code, got.out)
	}
	for _, want := range []string{"CHECK      unidesk-artifact-registry.service  as it is\n", "FILE       /etc/x  changed; what was there is kept at /etc/x.kept-0123456789ab\n"} {
		if !strings.Contains(got.err, want) {
			t.Errorf("stderr does not have %q:\n%s", want, got.err)
		}
	}
	if quiet := ask(t, served, "install", "-q"); quiet.err != "" || quiet.out != got.out {
		t.Errorf("quiet:\n%s\n%s", quiet.err, quiet.out)
	}
	lines := 0
	for line := range strings.Lines(ask(t, served, "install", "--progress", "json").err) {
		lines++
		var step struct{ Point, Text string }
		if err := json.Unmarshal([]byte(line), &step); err != nil || step.Point == "" || step.Text == "" || strings.Contains(step.Text, "\x1b") {
			t.Errorf("%v: %s", err, line)
		}
	}
	if lines != len(served.steps) {
		t.Errorf("%d lines, want %d", lines, len(served.steps))
	}
	var r registryanswer.Result
	if err := json.Unmarshal([]byte(ask(t, served, "install", "-o", "json").out), &r); err != nil || r.Changes == nil || *r.Changes != 2 || !r.OK {
		t.Errorf("%v: %+v", err, r)
	}
	if diff := cmp.Diff(served.steps, r.Steps); diff != "" {
		t.Error(diff)
	}

	served.steps = nil
	if got := ask(t, served, "install"); !strings.Contains(got.out, ", 0 changes\n") {
		t.Errorf("the second time:\n%s", got.out)
	}
	served.facts.Unit.File = "disabled"
	if got := ask(t, served, "install"); got.code != present.ExitDegraded {
		t.Errorf("exit %d, want health's", got.code)
	}
}

func TestInstallThatFailedSaysWhatWasLeft(t *testing.T) {
	t.Parallel()
	served := agent{err: fault.New(fault.UnitFailed, "start x: no; what was there before is put back").WithHint("look at the journal")}
	got := ask(t, served, "install")
	if got.code != present.ExitFailed || !strings.HasPrefix(got.out, "install-failed  registry on D601") || strings.Contains(got.out, "changes") {
		t.Errorf("exit %d\n%s", got.code, got.out)
	}
	for _, want := range []string{"what was there before is put back (UNIT_FAILED)", "agent.sock says: look at the journal\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("it does not say %q:\n%s", want, got.out)
		}
	}
}

// The host goes on by itself: whoever put an agent there now would stop it.
func TestAnInstallationThatIsCutOffIsAskedForAndNotBootstrapped(t *testing.T) {
	t.Parallel()
	served := agent{steps: []registry.Progress{{Step: registry.StepCheck, Target: registry.Unit}}, cut: true}
	got := ask(t, served, "install")
	if got.code != present.ExitFailed || !strings.HasPrefix(got.out, "host-unreachable") || !strings.Contains(got.out, "goes on by itself") ||
		!strings.Contains(got.out, "artifact-registry status") || strings.Contains(got.out, "bootstrap") {
		t.Errorf("exit %d\n%s", got.code, got.out)
	}
}

// Without a hint of the host, too, what comes next is an act, and no other question.
func TestWhatIsNextRepairs(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"status", "health"} {
		got := ask(t, agent{err: fault.Transient(fault.Busy, "too much at once")}, command, "-o", "json")
		if !strings.Contains(got.out, `"next": "on the host, as root: journalctl -u unidesk-agent -n 50"`) {
			t.Errorf("%s: %s", command, got.out)
		}
	}
}
