package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// target is the hands on a host.
func (d *Deployer) target(host string) workload.Target {
	if t, ok := d.Targets[host]; ok {
		return t
	}
	return workload.Via(func(context.Context, workload.Ref) (workload.Target, error) {
		return nil, fault.New(fault.CapabilityMissing, "this controller cannot reach workloads on %s", host).
			WithHint("name the host in controller.yaml, and let its agent serve workloads")
	})
}

// unseen says why nothing that runs is looked at, "" where it is. A host need not
// know a service that no environment brings live there.
func (r *deployment) unseen() string {
	switch t := r.environment().Target; {
	case t.Kubernetes != nil:
		return "this version does not look into Kubernetes yet"
	case t.Compose == nil:
		return "it is infrastructure, which nothing here deploys"
	case !r.row.LiveByCompose(t.Host):
		return "no environment brings it live on " + t.Host
	}
	return ""
}

// running says what runs, or why that is not known.
func (r *deployment) running() string {
	if why := r.unseen(); why != "" {
		return "not looked at: " + why
	}
	return describe(r.spec, r.seen)
}

// cost is what staging the image will need. To another host nothing crosses the
// master's line: its agent pulls from the registry beside it, and refuses by the
// same measure what its engine's disk cannot take.
func (r *deployment) cost(ctx context.Context) (contract.Need, error) {
	if r.environment().Target.Host == catalog.Master {
		return r.Estimator.Need(ctx, r.image)
	}
	there, err := r.thereAlready()
	if there || err != nil {
		return contract.Need{}, err
	}
	return contract.Need{Engine: workload.Room(r.image.Size())}, nil
}

// thereAlready reports whether another host's engine has the image, as far as its
// containers and our receipts tell: those of the last proven versions stay.
func (r *deployment) thereAlready() (bool, error) {
	if slices.ContainsFunc(r.seen.Instances, func(in workload.Instance) bool { return in.Is(r.image.Manifest, r.image.Config) }) {
		return true, nil
	}
	proven, err := r.Ledger.Proven(string(r.Env), r.Service.String())
	return slices.Contains(proven[:min(keptVersions, len(proven))], r.Commit), err
}

// toBring says what staging moves, and from where.
func (r *deployment) toBring() string {
	if host := r.environment().Target.Host; host != catalog.Master {
		return host + "'s engine takes the image from the registry beside it"
	}
	return fmt.Sprintf("%d of %d layers to bring", r.need.Layers, len(r.image.Layers))
}

// mendedThere says of what does not fit on another host where it is mended.
func (r *deployment) mendedThere(checks []proof.Check) []proof.Check {
	host := r.environment().Target.Host
	for i, c := range checks {
		if host != catalog.Master && !c.OK {
			checks[i].Fix = "on " + host + ", where its " + contract.AgentPlacement + " places the project: " + c.Fix
		}
	}
	return checks
}
