package doctor

import (
	"context"
	"strings"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// serviceFacts are of a service that the catalog brings live on a host.
type serviceFacts struct {
	service string
	// pending is a change there that is not settled, and that no run here goes on with.
	pending *workload.Pending
	// differences are what the host's placement of it has otherwise than the catalog.
	differences []string
	err         error
}

// lookAtServices asks a host's agent for each service that is live there, all at
// the same time and over one connection.
func (e Examiner) lookAtServices(ctx context.Context, c site.Config, name string, rows []catalog.Row) []serviceFacts {
	agent := site.NewRemote(c.Hosts[name], e.Version)
	defer func() { _ = agent.Close() }()
	workloads := agent.Workloads()
	var specs []workload.Spec
	var list []serviceFacts
	for _, row := range rows {
		for _, env := range artifact.Envs() {
			if row.Environment(env).LiveOn(name) {
				specs, list = append(specs, row.Spec(env, c.Master.Project)), append(list, serviceFacts{service: row.Service.String()})
			}
		}
	}
	var asking sync.WaitGroup
	for i, spec := range specs {
		asking.Go(func() {
			o, err := workloads.Observe(ctx, spec.Ref, false)
			if list[i].pending, list[i].err = o.Pending, err; err == nil {
				list[i].differences = placement.Differences(spec, o.Placement)
			}
		})
	}
	asking.Wait()
	books := ledger.Open(c.LedgerDir())
	for i, s := range list {
		if s.pending != nil && len(site.Dead(books, []workload.Pending{*s.pending})) == 0 {
			list[i].pending = nil
		}
	}
	return list
}

// judgeServices is about whether the host would switch what the catalog brings
// live there, and what killed runs left with it.
func judgeServices(host string, seen []serviceFacts) (list []Finding) {
	var placed []string
	var left []workload.Pending
	for _, s := range seen {
		if s.err != nil {
			list = append(list, broken("service "+s.service, s.err, "unidesk-controller logs --service "+s.service))
			continue
		}
		placed = append(placed, s.service)
		if len(s.differences) > 0 {
			list = append(list, amiss(LevelFault, "service "+s.service,
				"on the host: write what `unidesk-controller host placement "+host+"` prints to /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent",
				"its placement is another one than the catalog's: %s", strings.Join(s.differences, "; ")))
		}
		if s.pending != nil {
			left = append(left, *s.pending)
		}
	}
	if len(placed) > 0 {
		list = append(list, fine("services", "placed there: %s", strings.Join(placed, ", ")), judgeLeftovers(left, nil, nil))
	}
	return list
}
