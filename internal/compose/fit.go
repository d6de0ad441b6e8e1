package compose

import (
	"context"
	"errors"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// unfit is the first check that does not hold as a refusal to switch, nil if all hold.
func unfit(spec workload.Spec, checks []proof.Check) error {
	c, found := proof.Blocking(checks)
	if !found {
		return nil
	}
	return fault.New(c.Reason, "the Compose service %s cannot be switched: %s %s", spec.Ref.Name(), c.Name, c.Detail).WithHint("%s", c.Fix)
}

// uncovered refuses a staged image if a mount would lie over its program.
func (r *Runtime) uncovered(ctx context.Context, spec workload.Spec, d workload.ComposeDefinition, id string) error {
	img, err := r.engine.Image(ctx, id)
	if err != nil {
		return err
	}
	image := artifact.Image{Volumes: img.Volumes, Command: img.Command, Folder: img.Folder}
	return unfit(spec, proof.Uncovered(spec, image, workload.Observation{Units: []workload.Unit{{Compose: &d}}}))
}

// nameTaken returns the container that has the service's container name but is not the
// service's, nil if there is none.
func (r *Runtime) nameTaken(ctx context.Context, name string) (*workload.Neighbour, error) {
	c, err := r.engine.Container(ctx, name)
	if errors.Is(err, engine.ErrNotFound) || err == nil && c.Name != name { // the engine takes the beginning of an id for a name
		return nil, nil //nolint:nilnil // as documented
	}
	if err != nil {
		return nil, err
	}
	by := workload.Neighbour{
		ID: c.ID, Name: c.Name, Running: c.Running, Scope: c.Labels["com.docker.compose.project"], Group: c.Labels["com.docker.compose.service"],
	}
	for _, m := range c.Mounts {
		if m.Kind == "volume" {
			by.Volumes = append(by.Volumes, m.Source)
		}
	}
	return &by, nil
}

// free refuses if the container cannot be replaced: it is another project's, or takes
// longer to stop than a deploy waits.
func (r *Runtime) free(ctx context.Context, spec workload.Spec, f fleet) error {
	if f.main != nil {
		return unfit(spec, []proof.Check{proof.Stops("container "+f.main.Name, f.main.StopTimeout)})
	}
	if len(f.leftovers) > 0 {
		return nil // of ours, with the name to come
	}
	by, err := r.nameTaken(ctx, spec.Compose.ContainerName)
	if err != nil {
		return err
	}
	return unfit(spec, []proof.Check{proof.NameFree(spec, by)})
}

// with returns the limits for a container that may take so long to stop: there is time
// to make the next container, too.
func (l limits) with(stops time.Duration) limits {
	if stops > 0 {
		l.recreate, l.grace = max(l.recreate, stops+l.beside), max(l.grace, stops+l.beside/6)
	}
	return l
}
