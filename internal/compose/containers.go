package compose

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// While Compose recreates a container the new container is called <12 hex>_<name>; the
// digits are the old container's id. An interrupted recreate leaves it so, created and never
// started (docker/compose pkg/compose/reconcile.go, planRecreateContainer).
var leftoverForm = regexp.MustCompile(`^[0-9a-f]{12}_(.+)$`)

// fleet are a service's containers by what they are.
type fleet struct {
	// main bears the name that the service declares; nil when none does.
	main *engine.Container
	// leftovers are what interrupted recreates left.
	leftovers []engine.Container
	// others bear other names: replicas, or containers from before the service had a name.
	others []engine.Container
}

func (r *Runtime) fleet(ctx context.Context, spec workload.Spec) (fleet, error) {
	found, err := r.engine.Containers(ctx, spec.Ref.Scope(), spec.Ref.Name())
	if err != nil {
		return fleet{}, err
	}
	return classify(spec.Compose.ContainerName, found), nil
}

func classify(name string, found []engine.Container) (f fleet) {
	for _, c := range found {
		m := leftoverForm.FindStringSubmatch(c.Name)
		switch {
		case c.Name == name:
			f.main = &c
		case m != nil && m[1] == name && !c.Running:
			f.leftovers = append(f.leftovers, c)
		default:
			f.others = append(f.others, c)
		}
	}
	return f
}

// disturbed reports whether a recreate was interrupted. The container that it was to
// replace may have got the signal to stop: that it runs means nothing then.
func (f fleet) disturbed() bool { return len(f.leftovers) > 0 }

// clear makes way for a recreate, which would stumble over a leftover's name. If the
// container that it was to replace is gone, the newest leftover takes its name instead:
// it holds the anonymous volumes now, and Compose hands them on.
func (r *Runtime) clear(ctx context.Context, spec workload.Spec, f fleet) (main *engine.Container, err error) {
	left := f.leftovers
	main = f.main
	if main == nil && len(left) > 0 {
		heir := left[0]
		if err := r.engine.RenameContainer(ctx, heir.ID, spec.Compose.ContainerName); err != nil {
			return nil, err
		}
		heir.Name = spec.Compose.ContainerName
		main, left = &heir, left[1:]
	}
	for _, c := range left {
		if err := r.engine.RemoveContainer(ctx, c.ID); err != nil {
			return nil, err
		}
	}
	return main, nil
}

// runs reports whether a container's program runs: the engine calls a container running
// while it waits to start it again.
func runs(c engine.Container) bool { return c.Running && c.State != "restarting" }

// trouble returns what the engine's word for a container's state means, for a container
// that neither runs nor has ended.
func trouble(c engine.Container) string {
	switch c.State {
	case "restarting":
		return fmt.Sprintf("it is restarting, exit code %d, %d restarts", c.ExitCode, c.Restarts)
	case "created":
		return "it was never started"
	case "paused":
		return "it is paused"
	}
	return ""
}

// deployEnv are the deploy keys of a container's environment, without prefix.
func deployEnv(c engine.Container, prefix string) map[string]string {
	found := make(map[string]string)
	for _, e := range c.Env {
		key, value, _ := strings.Cut(e, "=")
		for _, k := range workload.Keys() {
			if key == prefix+k {
				found[k] = value
			}
		}
	}
	return found
}
