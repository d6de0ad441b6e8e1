package agent

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func placing(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	c := Config{
		Version: 1, Socket: filepath.Join(dir, "s"), State: dir, Registry: "http://127.0.0.1:5000", Docker: filepath.Join(dir, "no-engine.sock"),
		Projects: map[string]Project{"p": {Root: dir, Files: []string{"docker-compose.yml"}, EnvFile: filepath.Join(dir, "env"), Services: []string{"sample"}}},
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Without docker's command the agent still serves all else, and says why not this.
func TestAProjectThatCannotBeServedDoesNotKeepTheAgentFromStarting(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	a, err := New(placing(t), "1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	spec := workloadtest.SampleSpec("p")
	_, err = workload.Via(a.placed.find).Observe(t.Context(), spec, false)
	if fault.ReasonOf(err) != fault.EngineUnavailable || !strings.Contains(err.Error(), "docker command") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	a.placed.watch(ctx) // there is nothing to watch, and it ends
}

func TestWhatIsNotPlacedIsNotFoundByAnyAct(t *testing.T) {
	t.Parallel()
	placed := &placed{projects: map[string]place{"p": {services: []string{"sample"}, fault: fault.New(fault.Internal, "reached")}}}
	p := workload.Via(placed.find)
	said := map[string]bool{}
	for _, ref := range []workload.Ref{
		{}, {Compose: &workload.ComposeRef{Project: "p", Service: "other"}}, {Compose: &workload.ComposeRef{Project: "q", Service: "sample"}},
	} {
		spec := workload.Spec{Ref: ref}
		_, observe := p.Observe(t.Context(), spec, true)
		_, logs := p.Logs(t.Context(), spec, "", 1)
		for _, err := range []error{
			observe, logs, p.Stage(t.Context(), spec, artifact.Image{}, nil), p.Switch(t.Context(), workload.Change{Spec: spec}, nil),
			p.Settle(t.Context(), spec, workload.Settlement{}, nil),
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
	if _, err := p.Observe(t.Context(), workloadtest.SampleSpec("p"), false); err == nil || err.Error() != "reached" {
		t.Errorf("what is placed: %v", err)
	}
}
