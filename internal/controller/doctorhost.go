package controller

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// echoWait is how long a few bytes may take to come back; slowEcho is when that is
// worth a word.
const (
	echoWait = 5 * time.Second
	slowEcho = time.Second
)

// mostSkew is how far apart clocks may be: receipts and grants carry times.
const mostSkew = 5.0

// hostFacts are of one host.
type hostFacts struct {
	row hostRow
	// version is this controller's.
	version string
	// services are those that the catalog brings live there, seen what the agent
	// answered about each; nothing where it serves no workloads.
	services []string
	seen     []serviceFacts
	// dialed says that the way there could be tried: an agent greeted.
	dialed  bool
	echoed  rpc.Echoed
	echoErr error
	// registry is nil for a host that does not hold it.
	registry *registryFacts
}

// registryFacts are of the registry on its host.
type registryFacts struct {
	// asked is what its list of some repository came to.
	asked  error
	report registry.Report
}

// examineHosts looks at all hosts at the same time.
func (a *app) examineHosts(ctx context.Context, c Config, services *catalog.Catalog) (all []finding) {
	names := sortedKeys(c.Hosts)
	lists := make([][]finding, len(names))
	var looking sync.WaitGroup
	for i, name := range names {
		looking.Go(func() {
			lists[i] = inGroup("host "+name, judgeHost(a.lookAtHost(ctx, c, name, rowsIn(services)))...)
		})
	}
	looking.Wait()
	return slices.Concat(lists...)
}

func (a *app) lookAtHost(ctx context.Context, c Config, name string, rows []catalog.Row) hostFacts {
	host := c.Hosts[name]
	f := hostFacts{version: a.version}
	for _, row := range rows {
		if name != catalog.Master && row.LiveByCompose(name) {
			f.services = append(f.services, row.Service.String())
		}
	}
	ctx, cancel := context.WithTimeout(ctx, host.Patience()+time.Minute)
	defer cancel()
	// The path is tried by itself: one that holds bytes back keeps an agent from
	// describing itself.
	var both sync.WaitGroup
	both.Go(func() { f.dialed, f.echoed, f.echoErr = echoOver(ctx, host) })
	both.Go(func() {
		f.row = a.askHost(ctx, name, host)
		if f.row.Reachable && name == c.RegistryHost {
			f.registry = a.lookAtRegistry(ctx, c, rows)
		}
		if len(f.services) > 0 && f.row.Reachable && slices.Contains(f.row.Agent.Capabilities, rpc.CapabilityWorkloadCompose) {
			f.seen = a.lookAtServices(ctx, c, name, rows)
		}
	})
	both.Wait()
	return f
}

// echoOver tries the path to a host on a connection of its own.
func echoOver(ctx context.Context, host tunnel.Config) (dialed bool, e rpc.Echoed, err error) {
	conn, err := tunnel.Dial(ctx, host)
	if err != nil {
		return false, e, err
	}
	defer func() { _ = conn.Close() }()
	e, err = rpc.Echo(ctx, conn, echoWait)
	return true, e, err
}

func (a *app) lookAtRegistry(ctx context.Context, c Config, rows []catalog.Row) *registryFacts {
	far := &remote{config: c.Hosts[c.RegistryHost], version: a.version}
	defer func() { _ = far.Close() }()
	var f registryFacts
	if facts, err := far.InspectRegistry(ctx, c.Registry); err != nil {
		f.report = registry.Unreachable(c.Registry, remedy.Report(err))
	} else {
		f.report = registry.Judge(c.Registry, facts)
	}
	if len(rows) > 0 {
		client, err := far.connect(ctx)
		if err == nil {
			_, _, err = client.List(ctx, rows[0].Repository, 1, "")
		}
		if fault.ReasonOf(err) != fault.ArtifactNotFound { // that one is an answer
			f.asked = err
		}
	}
	return &f
}

// judgeHost says what the facts of a host mean.
func judgeHost(f hostFacts) []finding {
	row := f.row
	if !row.Reachable {
		fix := row.Hint
		if fix == "" {
			fix = "unidesk-controller host list; docs/hosts.md"
		}
		list := []finding{amiss(levelFault, "agent", fix, "%s by %s: %s (%s)", row.Name, row.Transport, row.Message, row.Reason)}
		if f.dialed {
			list = append(list, judgePath(f.echoed, f.echoErr))
		}
		return list
	}
	d := row.Agent
	agent := fine("agent", "%s answers over %s", d.AgentVersion, row.Transport)
	if d.AgentVersion != f.version {
		agent.What += ", this controller is " + f.version
	}
	list := []finding{agent, judgePath(f.echoed, f.echoErr), judgeRole(f), judgeClock(row)}
	list = append(list, judgeCapabilities(f)...)
	list = append(list, judgeServices(f.seen)...)
	engine := fine("engine", "none answers, and nothing there needs one")
	switch {
	case d.Engine != nil:
		engine = fine("engine", "%s, API %s, Compose %s", d.Engine.Version, d.Engine.APIVersion, orNotTold(d.ComposeVersion))
	case len(f.services) > 0 || f.registry != nil:
		engine = amiss(levelWarning, "engine", "on the host: systemctl status docker; agent.yaml names its socket (docker)", "no engine answers the agent")
	}
	list = append(list, engine)
	if f.registry != nil {
		list = append(list, judgeRegistry(*f.registry)...)
	}
	return list
}

// judgePath says what was shown, and no more.
func judgePath(e rpc.Echoed, err error) finding {
	const check = "path"
	if err != nil {
		return broken(check, err, "")
	}
	took := fmt.Sprintf("%d bytes, each value among them, came back as they were sent; round trips %s, slowest %s",
		e.Bytes, e.Median.Round(100*time.Microsecond), e.Slowest.Round(100*time.Microsecond))
	if e.Slowest > slowEcho {
		return amiss(levelWarning, check, "look for what holds bytes back on the way: a program between that buffers, or a line that is full", "%s", took)
	}
	return fine(check, "%s", took)
}

// judgeRole asks for no more than the catalog makes necessary there.
func judgeRole(f hostFacts) finding {
	const check = "role"
	rank := map[rpc.Role]int{rpc.RoleRead: 1, rpc.RoleOperate: 2, rpc.RoleAdmin: 3}
	have := f.row.Agent.CallerRole
	want, why := rpc.RoleNone, ""
	if f.registry != nil {
		want, why = rpc.RoleRead, "to read the registry"
	}
	if len(f.services) > 0 {
		want, why = rpc.RoleOperate, "to deploy "+strings.Join(f.services, ", ")
	}
	if rank[have] < rank[want] {
		return amiss(levelFault, check, fmt.Sprintf("on the host: give uid %d the role %s in agent.yaml, then systemctl restart unidesk-agent", f.row.Agent.CallerUID, want),
			"uid %d has the role %s there and needs %s %s", f.row.Agent.CallerUID, cmp.Or(string(have), "none"), want, why)
	}
	say := cmp.Or(string(have), "none")
	if f.registry != nil && have != rpc.RoleAdmin {
		say += "; only artifact-registry install needs admin"
	}
	return fine(check, "%s", say)
}

func judgeClock(row hostRow) finding {
	if math.Abs(row.SkewSeconds)-row.RoundTripSeconds/2 > mostSkew {
		return amiss(levelWarning, "clock", "timedatectl on both: let NTP set them", "the host's clock is %+.1f s from ours", row.SkewSeconds)
	}
	return fine("clock", "%s", row.clock())
}

// judgeCapabilities is about what the catalog takes for granted there.
func judgeCapabilities(f hostFacts) (list []finding) {
	can := f.row.Agent.Capabilities
	var names []string
	for _, c := range can {
		names = append(names, strings.ToLower(string(c)))
	}
	lack := func(c rpc.Capability, fix, what string) {
		if !slices.Contains(can, c) {
			list = append(list, amiss(levelFault, "capabilities", fix, "the agent lacks %s: %s", strings.ToLower(string(c)), what))
		}
	}
	if f.registry != nil {
		lack(rpc.CapabilityImageStream, "name the registry in the host's agent.yaml (registry)", "no image can be read from it")
	}
	if len(f.services) > 0 {
		lack(rpc.CapabilityWorkloadCompose, "place the projects in the host's agent.yaml; with an older agent: unidesk-controller host bootstrap "+f.row.Name,
			strings.Join(f.services, ", ")+" cannot be deployed there")
	}
	if len(list) == 0 {
		list = append(list, fine("capabilities", "%s", cmp.Or(strings.Join(names, ", "), "none")))
	}
	return list
}

// judgeRegistry tells apart whether deploys can read it and whether all is as
// declared.
func judgeRegistry(f registryFacts) []finding {
	answers := fine("registry", "it tells the agent what it holds")
	if f.asked != nil {
		answers = broken("registry", f.asked, "unidesk-controller artifact-registry health")
	}
	const check = "registry's health"
	r := f.report
	if r.Decision == registry.Healthy {
		return []finding{answers, fine(check, "healthy at %s", r.Endpoint)}
	}
	fix := "unidesk-controller artifact-registry health"
	if r.Failure != nil && r.Failure.Hint != "" {
		fix = r.Failure.Hint
	} else if r.Next != "" {
		fix = r.Next
	}
	what := r.Summary
	if r.Failure != nil {
		what = r.Failure.Message
	}
	return []finding{answers, amiss(levelWarning, check, fix, "%s: %s", r.Decision, what)}
}
