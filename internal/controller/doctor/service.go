package doctor

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// serviceFacts are of a service that the catalog brings live on a host.
type serviceFacts struct {
	service string
	env     artifact.Env
	// pending is a change there that is not settled, and that no run here goes on with.
	pending *workload.Pending
	// holds is a container there that holds an image for a change that is over.
	holds *workload.Holder
	// differences are what the host's placement of it has otherwise than the catalog.
	differences []string
	// unread are Compose files that Compose run by hand reads there, and a deploy does not.
	unread []string
	err    error
}

// check names a service, and its environment if that is not prod.
func (s serviceFacts) check() string {
	if s.env == artifact.Prod {
		return "service " + s.service
	}
	return "service " + s.service + " in " + s.env.String()
}

// placedRow is a service that is live on a host in an environment.
type placedRow struct {
	catalog.Row
	env artifact.Env
}

// runtime is what runs it there.
func (r placedRow) runtime() workload.Runtime {
	if r.Environment(r.env).Target.Kubernetes != nil {
		return workload.Kubernetes
	}
	return workload.Compose
}

// rowsOn returns what the catalog brings live on a host.
func rowsOn(host string, rows []catalog.Row) (list []placedRow) {
	for _, row := range rows {
		for _, env := range artifact.Envs() {
			if row.Environment(env).LiveOn(host) {
				list = append(list, placedRow{row, env})
			}
		}
	}
	return list
}

// namesOf returns the services among the rows that a runtime runs, each once.
func namesOf(rows []placedRow, r workload.Runtime) (names []string) {
	for _, row := range rows {
		if row.runtime() == r {
			names = append(names, row.Service.String())
		}
	}
	return slices.Compact(names)
}

// answerable returns the rows that an agent can answer for: what it lacks, and a
// cluster that does not answer it, is a finding of its own.
func answerable(rows []placedRow, d rpc.Description) (list []placedRow) {
	can := map[workload.Runtime]bool{
		workload.Compose:    slices.Contains(d.Capabilities, rpc.CapabilityWorkloadCompose),
		workload.Kubernetes: slices.Contains(d.Capabilities, rpc.CapabilityWorkloadKubernetes) && d.Cluster != nil && d.Cluster.Version != "",
	}
	for _, row := range rows {
		if can[row.runtime()] {
			list = append(list, row)
		}
	}
	return list
}

// lookAtServices asks a host's agent for each service, all at the same time and over
// a single connection.
func (e Examiner) lookAtServices(ctx context.Context, c site.Config, name string, rows []placedRow) []serviceFacts {
	if len(rows) == 0 {
		return nil
	}
	agent := site.NewRemote(name, c.Hosts[name], e.Version)
	defer func() { _ = agent.Close() }()
	workloads := agent.Workloads()
	list := make([]serviceFacts, len(rows))
	var asking sync.WaitGroup
	for i, row := range rows {
		list[i] = serviceFacts{service: row.Service.String(), env: row.env}
		asking.Go(func() {
			spec := row.Spec(row.env, c.Master.Project)
			o, err := workloads.Observe(ctx, spec.Ref, false)
			if err == nil {
				err = o.Unread
			}
			list[i].pending, list[i].holds, list[i].err = o.Pending, o.Holds, err
			if err == nil {
				list[i].differences, list[i].unread = placement.Differences(spec, o.Placement), o.Compose().UnreadFiles
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

// judgeUnread is about Compose files that a deploy does not read, none if there are none.
func judgeUnread(check, where string, unread []string) []Finding {
	if len(unread) == 0 {
		return nil
	}
	return []Finding{amiss(LevelWarning, check, "name it in "+where+", or remove it",
		"Compose run by hand reads %s, and a deploy does not: the service would come up without it", strings.Join(unread, ", "))}
}

// judgeHolder is about a container that holds an image for a change that is over, none if
// there is none.
func judgeHolder(check string, held *workload.Holder) []Finding {
	if held == nil {
		return nil
	}
	return []Finding{amiss(LevelWarning, check, "unidesk-controller recover",
		"container %s holds an image for the change %s, which is over: a run ended before it could remove it", held.Name, held.Change)}
}

// unwanted is what to do about a service that the catalog brings live on a host and that is not to be there.
const unwanted = "give it mode: unsupported and why: REASON in services.yaml (`unidesk-controller catalog print` prints the first one)"

// judgeServices is about whether the host would switch what the catalog brings
// live there, and what killed runs left with it.
func judgeServices(host string, seen []serviceFacts) (list []Finding) {
	var placed []string
	var left []workload.Pending
	for _, s := range seen {
		if s.err != nil {
			if fault.ReasonOf(s.err) == fault.WorkloadNotFound && fault.ActionOf(s.err) == fault.Examine { // which is this command
				list = append(list, amiss(LevelFault, s.check(),
					"on the host, as root: write what `unidesk-controller host placement "+host+"` prints to /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent; "+
						"if it is not to be brought live there, "+unwanted, "%v (%s)", s.err, fault.WorkloadNotFound))
				continue
			}
			list = append(list, broken(s.check(), s.err, plain.Command("unidesk-controller", "logs", "--service", s.service, "--env", s.env.String())))
			continue
		}
		placed = append(placed, s.service)
		if len(s.differences) > 0 {
			list = append(list, amiss(LevelFault, s.check(),
				"on the host, as root: write what `unidesk-controller host placement "+host+"` prints to /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent",
				"its placement is another one than the catalog's: %s", strings.Join(s.differences, "; ")))
		}
		list = append(list, judgeUnread(s.check(), "/etc/unidesk/agent.yaml (files) as root, then systemctl restart unidesk-agent", s.unread)...)
		list = append(list, judgeHolder(s.check(), s.holds)...)
		if s.pending != nil {
			left = append(left, *s.pending)
		}
	}
	if len(placed) > 0 {
		list = append(list, fine("services", "placed there: %s", strings.Join(slices.Compact(placed), ", ")), judgeLeftovers(left, nil, nil, ""))
	}
	return list
}
