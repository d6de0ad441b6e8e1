package compose

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// define has Compose read the project now.
func (r *Runtime) define(ctx context.Context, env envfile.Content, name string) (workload.ComposeDefinition, error) {
	project, err := r.readProject(ctx, env)
	return r.pick(ctx, env, name, project, err)
}

// pick finds a service in what Compose printed about the project.
func (r *Runtime) pick(ctx context.Context, env envfile.Content, name string, project []byte, err error) (d workload.ComposeDefinition, _ error) {
	if err == nil {
		d, err = declared.Parse(project, r.config.Project, name)
	}
	if err == nil {
		return d, nil
	}
	// A service whose profile is not active is there when it is asked for by name, and
	// what is wrong with the project may be about another service. Compose's words for
	// a service that does not exist differ by version.
	if alone, unknown := r.read(ctx, env, r.configArguments(name)...); unknown == nil {
		return declared.Parse(alone, r.config.Project, name)
	}
	return d, err
}

// configArguments have Compose print the project, or a service, with nothing
// interpolated and no env file of a service opened: none of the secrets is in it.
func (r *Runtime) configArguments(service ...string) []string {
	return r.arguments(append([]string{"config", "--no-interpolate", "--no-env-resolution", "--format", "json"}, service...)...)
}
