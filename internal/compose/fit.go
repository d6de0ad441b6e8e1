package compose

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
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
