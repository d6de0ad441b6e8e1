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
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// onePlaced is a configuration that places one service, by its name only.
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

// Without docker's command the agent still serves all else, and says why not this.
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
		_, logs := p.Logs(t.Context(), ref, "", 1)
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
