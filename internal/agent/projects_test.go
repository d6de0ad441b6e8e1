package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// onePlaced is a configuration that places a single service, by its name only.
func onePlaced(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	c := Config{
		Version: 1, Socket: filepath.Join(dir, "s"), State: dir, Registry: "http://127.0.0.1:5000", Docker: filepath.Join(dir, "no-engine.sock"),
		Projects: map[string]Project{"p": {Root: dir, Files: []string{"docker-compose.yml"}, EnvFile: filepath.Join(dir, "env"), Services: placement.Services{"sample": nil}}},
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Without docker's command the agent still serves all else, and returns why it does not serve this.
func TestAProjectThatCannotBeServedDoesNotKeepTheAgentFromStarting(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	a, err := New(onePlaced(t), "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, err = workload.Via(a.placed.find).Observe(t.Context(), workloadtest.Ref("p", "sample"), false)
	if fault.ReasonOf(err) != fault.EngineUnavailable || !strings.Contains(err.Error(), "docker command") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	a.placed.watch(ctx) // there is nothing to watch, and it ends
}

func TestWhatIsNotPlacedIsNotFoundByAnyAct(t *testing.T) {
	t.Parallel()
	placed := &placed{projects: map[string]place{"p": {services: placement.Services{"sample": nil}, fault: fault.New(fault.Internal, "reached")}}}
	p := workload.Via(placed.find)
	said := map[string]bool{}
	kubernetes, err := workload.NewRef(workload.Kubernetes, "p", "sample")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []workload.Ref{{}, workloadtest.Ref("p", "other"), workloadtest.Ref("q", "sample"), kubernetes} {
		_, observe := p.Observe(t.Context(), ref, true)
		_, neighbours := p.Neighbours(t.Context(), ref)
		_, logs := p.Logs(t.Context(), ref, "", workload.Tail{Lines: 1})
		for _, err := range []error{
			observe, neighbours, logs, p.Stage(t.Context(), ref, artifact.Pinned{}, nil), p.Switch(t.Context(), workload.Change{Ref: ref}, nil),
			p.Renew(t.Context(), ref, ""), p.Settle(t.Context(), ref, workload.Settlement{}, nil),
		} {
			if fault.ReasonOf(err) != fault.WorkloadNotFound {
				t.Errorf("%+v: %v", ref, err)
			}
			said[err.Error()] = true
		}
	}
	if len(said) != 1 {
		t.Errorf("answers differ: %v", said)
	}
	if _, err := p.Observe(t.Context(), workloadtest.Ref("p", "sample"), false); err == nil || err.Error() != "reached" {
		t.Errorf("what is placed: %v", err)
	}
}

// misplaced is a target whose files are not in their place.
type misplaced struct {
	workload.Target
	err error
}

func (m misplaced) Observe(context.Context, workload.Ref, bool) (workload.Observation, error) {
	return workload.Observation{Unread: m.err, EnvFile: &workload.Obstacle{What: m.err.Error(), Fix: fault.HintOf(m.err)}}, m.err
}

func (m misplaced) Stage(context.Context, workload.Ref, artifact.Pinned, func(workload.Event)) error {
	return m.err
}

func (m misplaced) Switch(context.Context, workload.Change, func(workload.Event)) error { return m.err }

func (m misplaced) Logs(context.Context, workload.Ref, string, workload.Tail) (workload.Output, error) {
	return workload.Output{}, m.err
}

func TestAFaultOfAProjectsFilesNamesWhereTheyAreNamed(t *testing.T) {
	t.Parallel()
	missing := fault.New(fault.EnvFileInvalid, "env file /nowhere/env: open: no such file or directory")
	const where = "/etc/unidesk/agent.yaml says that it is (projects.findjob: root, files, envFile), then systemctl restart unidesk-agent"
	for name, c := range map[string]struct {
		err  error
		want string // the hint's end
	}{
		"no env file":        {missing, where},
		"a hint of its own":  {missing.WithHint("chmod it"), "chmod it"},
		"not the files'":     {fault.New(fault.EngineUnavailable, "refused"), ""},
		"a path not allowed": {fault.New(fault.PathRefused, "a link"), where},
	} {
		l := located{misplaced{err: c.err}, "findjob"}
		o, observed := l.Observe(t.Context(), workload.Ref{}, false)
		_, printed := l.Logs(t.Context(), workload.Ref{}, "", workload.Tail{Lines: 1})
		for _, err := range []error{observed, o.Unread, l.Stage(t.Context(), workload.Ref{}, artifact.Pinned{}, nil), l.Switch(t.Context(), workload.Change{}, nil), printed} {
			if hint := fault.HintOf(err); !errors.Is(err, c.err) || fault.ReasonOf(err) != fault.ReasonOf(c.err) || !strings.HasSuffix(hint, c.want) || (hint == "") != (c.want == "") {
				t.Errorf("%s: %v, %q", name, err, hint)
			}
		}
		if c.want != "" && !strings.HasSuffix(o.EnvFile.Fix, c.want) {
			t.Errorf("%s: the env file's fix is %q", name, o.EnvFile.Fix)
		}
	}
}

// An env file that is not there, by the real Compose runtime; the engine is asked for nothing before.
func TestAMisplacedEnvFileIsNamedByTheAgentsConfiguration(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	a, err := New(onePlaced(t), "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, err = workload.Via(a.placed.find).Observe(t.Context(), workloadtest.Ref("p", "sample"), false)
	if err == nil || !strings.Contains(fault.HintOf(err), "projects.p: root, files, envFile") {
		t.Errorf("%v (%s), %q", err, fault.ReasonOf(err), fault.HintOf(err))
	}
}
