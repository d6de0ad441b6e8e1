package controller

import (
	"cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// place is where a service runs in an environment, and the hands there.
type place struct {
	*wired
	row    catalog.Row
	env    catalog.Env
	host   string
	spec   workload.Spec
	target workload.Target
}

// findPlace finds it in the catalog. Nothing is contacted yet, and it has no hands.
func findPlace(services *catalog.Catalog, service, environment string) (*place, error) {
	env, err := catalog.ParseEnv(environment)
	if err != nil {
		return nil, err
	}
	row, err := services.Row(service)
	if err != nil {
		return nil, err
	}
	t := row.Environment(env).Target
	switch {
	case t.Shape == "":
		return nil, fault.New(fault.Unsupported, "%s has no target in %s: %s", service, env, cmp.Or(row.Environment(env).Why, "the catalog names none")).
			WithHint("unidesk-controller services")
	case t.Shape == catalog.Infrastructure:
		return nil, fault.New(fault.Unsupported, "%s is infrastructure, which nothing here deploys: %s", service, row.Environment(env).Why).
			WithHint("unidesk-controller services %s", service)
	case t.Compose == nil:
		return nil, fault.New(fault.RuntimeNotBuilt, "%s runs on Kubernetes in %s, which this version does not reach yet", service, env)
	}
	return &place{row: row, env: env, host: t.Host}, nil
}

// equip gives it the hands of what was wired.
func (p *place) equip(w *wired) error {
	p.wired, p.spec, p.target = w, p.row.Spec(p.env, w.config.Master.Project), w.deployer.Targets[p.host]
	if p.target == nil {
		return fault.New(fault.CapabilityMissing, "this controller cannot reach workloads on %s", p.host).
			WithHint("name the host in controller.yaml, and let its agent serve workloads")
	}
	return nil
}
