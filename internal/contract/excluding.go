package contract

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Excluding returns the contract with more excluded targets: of all, the other services
// of the target's Compose project, or the other Deployments of its namespace.
func (c Contract) Excluding(spec workload.Spec, all []workload.Neighbour) Contract {
	host, excluded := c.Environment().Target.Host, slices.Clone(c.ExcludedTargets)
	for _, other := range all {
		target := catalog.Target{Host: host, Compose: &catalog.Compose{Service: other.Group, Container: other.Name}}
		if spec.Kubernetes != nil {
			target = catalog.Target{Host: host, Kubernetes: &catalog.Kubernetes{
				Namespace: other.Scope, Deployments: []workload.DeploymentSpec{{Name: other.Group}},
			}}
		}
		_, own := spec.Deployment(other.Group)
		name := target.Names()[0]
		apart := other.Scope == spec.Ref.Scope() && other.Group != "" || other.Scope == spec.Ref.Scope() && spec.Kubernetes == nil
		if apart && !own && !other.Of(spec.Ref) && !slices.Contains(excluded, name) {
			excluded = append(excluded, name)
		}
	}
	c.ExcludedTargets = excluded
	return c
}
