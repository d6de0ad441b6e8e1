package inventory

import (
	"cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// Service is a row as it is listed; each map is by environment.
type Service struct {
	Service string `json:"service"`
	// Container is the container_name in prod, "" if it is not Compose.
	Container string              `json:"container"`
	Shapes    map[string]string   `json:"shapes"`
	Targets   map[string][]string `json:"targets"`
	Modes     map[string]string   `json:"modes"`
	// Gates are the gates that --run-now meets.
	Gates map[string]string `json:"gates"`
	Why   map[string]string `json:"why"`
	// Short are the targets by name alone.
	Short map[string][]string `json:"-"`
}

// Services lists a service of the catalog, "" standing for all of them.
func Services(configDir, name string) ([]Service, error) {
	rows, err := site.RowsOf(configDir, name)
	if err != nil {
		return nil, err
	}
	var list []Service
	for _, row := range rows {
		list = append(list, listed(row))
	}
	return list, nil
}

func listed(row catalog.Row) Service {
	s := Service{
		Service: row.Service.String(), Shapes: map[string]string{}, Targets: map[string][]string{},
		Modes: map[string]string{}, Gates: map[string]string{}, Why: map[string]string{}, Short: map[string][]string{},
	}
	for _, env := range artifact.Envs() {
		e, name := row.Environment(env), env.String()
		s.Modes[name], s.Targets[name] = string(e.Mode), e.Target.Names()
		if e.Target.Shape != "" {
			s.Shapes[name] = string(e.Target.Shape)
		}
		gate := contract.Judge(row, env, contract.Asked{Entry: contract.ByDeployService, Commit: string(contract.AnyCommit)})
		if gate.Code != "" {
			s.Gates[name] = string(gate.Code)
		}
		if why := cmp.Or(e.Why, gate.Why); why != "" {
			s.Why[name] = why
		}
		switch t := e.Target; {
		case t.Compose != nil:
			s.Short[name] = []string{t.Compose.Container}
			if env == artifact.Prod {
				s.Container = t.Compose.Container
			}
		case t.Kubernetes != nil:
			for _, d := range t.Kubernetes.Deployments {
				s.Short[name] = append(s.Short[name], t.Kubernetes.Namespace+"/"+d.Name)
			}
		case t.Shape == catalog.Infrastructure:
			s.Short[name] = []string{"none"}
		}
	}
	return s
}
