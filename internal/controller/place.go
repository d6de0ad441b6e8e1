package controller

import (
	"cmp"

	"github.com/spf13/cobra"

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

// place finds it in the catalog. Nothing is contacted yet.
func (a *app) place(service, environment string) (*place, error) {
	services, err := LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
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
	w, err := a.wire(services)
	if err != nil {
		return nil, err
	}
	a.remind(w.config)
	p := &place{wired: w, row: row, env: env, host: t.Host, spec: row.Spec(env, w.config.Master.Project)}
	if p.target = w.parts.Targets[t.Host]; p.target == nil {
		w.Close()
		return nil, fault.New(fault.CapabilityMissing, "this controller cannot reach workloads on %s", t.Host).
			WithHint("name the host in controller.yaml, and let its agent serve workloads")
	}
	return p, nil
}

// serviceFlags are those of a command about one service.
func serviceFlags(cmd *cobra.Command, service, env *string) {
	cmd.Flags().StringVar(service, "service", "", "service of the catalog")
	cmd.Flags().StringVar(env, "env", "", "environment, dev or prod (default prod)")
	if err := cmd.MarkFlagRequired("service"); err != nil {
		panic(err) // the flag is defined above
	}
}
