package site

import (
	"cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Place is where a service runs in an environment, and the hands there.
type Place struct {
	*Wired
	Row    catalog.Row
	Env    artifact.Env
	Host   string
	Spec   workload.Spec
	Target workload.Target
}

// FindPlace finds it in the catalog; prod is the default environment. Nothing is contacted yet, and it has no hands.
func FindPlace(services *catalog.Catalog, service string, env artifact.Env) (*Place, error) {
	env = cmp.Or(env, artifact.Prod)
	row, err := services.Row(service)
	if err != nil {
		return nil, err
	}
	t := row.Environment(env).Target
	switch t.Shape {
	case "":
		return nil, fault.New(fault.Unsupported, "%s has no target in %s: %s", service, env, cmp.Or(row.Environment(env).Why, "the catalog names none")).
			WithHint("unidesk-controller services")
	case catalog.Infrastructure:
		return nil, fault.New(fault.Unsupported, "%s is infrastructure, which nothing here deploys: %s", service, row.Environment(env).Why).
			WithHint("unidesk-controller services %s", service)
	}
	return &Place{Row: row, Env: env, Host: t.Host}, nil
}

// Equip gives it the hands of what was wired.
func (p *Place) Equip(w *Wired) error {
	p.Wired, p.Spec, p.Target = w, p.Row.Spec(p.Env, w.Config.Master.Project), w.Parts.Targets[p.Host]
	if p.Target == nil {
		return fault.New(fault.CapabilityMissing, "this controller cannot reach workloads on %s", p.Host).
			WithHint("name the host in controller.yaml, and let its agent serve workloads")
	}
	return nil
}
