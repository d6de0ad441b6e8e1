package doctor

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// judgeHost returns what the facts of a host mean.
func judgeHost(f hostFacts) []Finding {
	row := f.row
	if !row.Reachable {
		fix := row.Hint
		if fix == "" {
			fix = "`unidesk-controller host list` shows what ssh says of each host; " + manual.Page("hosts.md")
		}
		list := []Finding{amiss(LevelFault, "agent", fix, "%s by %s: %s (%s)", row.Name, row.Transport, row.Message, row.Reason)}
		// An agent that refuses an account without a role was reached, and takes its pings for an attack.
		if f.dialed && (f.echoErr == nil || row.Reason != fault.RoleMissing) {
			list = append(list, judgePath(f.echoed, f.echoErr))
		}
		return list
	}
	d := row.Agent
	agent := fine("agent", "%s answers over %s", d.AgentVersion, row.Transport)
	if !build.Same(d.AgentVersion, f.version) {
		agent.What += ", this controller is " + f.version
	}
	list := []Finding{agent, judgePath(f.echoed, f.echoErr), judgeRole(f), judgeClock(row)}
	list = append(list, judgeCapabilities(f)...)
	list = append(list, judgeServices(f.row.Name, f.seen)...)
	list = append(list, judgeCluster(f.row.Name, f.way, *d)...)
	engine := fine("engine", "none answers, and nothing there needs one")
	switch {
	case d.Engine != nil:
		engine = fine("engine", "%s, API %s, Compose %s", d.Engine.Version, d.Engine.APIVersion, OrNotTold(d.ComposeVersion))
	case len(f.services) > 0 || f.registry != nil:
		engine = amiss(LevelWarning, "engine", "on the host: `systemctl status docker`; agent.yaml names its socket (docker)", "no engine answers the agent")
	}
	list = append(list, engine)
	if f.registry != nil {
		list = append(list, judgeRegistry(*f.registry)...)
	}
	return list
}

// judgePath reports what the test showed, and no more.
func judgePath(e rpc.Echoed, err error) Finding {
	const check = "path"
	if err != nil {
		return broken(check, err, "")
	}
	took := fmt.Sprintf("8-bit clean, %d bytes came back unchanged; round trip %s, slowest %s",
		e.Bytes, e.Median.Round(100*time.Microsecond), e.Slowest.Round(100*time.Microsecond))
	if e.Slowest > slowEcho {
		return amiss(LevelWarning, check, "look for what holds bytes back on the way: a program between that buffers, or a line that is full", "%s", took)
	}
	return fine(check, "%s", took)
}

// judgeRole asks for no more than the catalog makes necessary there.
func judgeRole(f hostFacts) Finding {
	const check = "role"
	rank := map[rpc.Role]int{rpc.RoleRead: 1, rpc.RoleOperate: 2, rpc.RoleAdmin: 3}
	have := f.row.Agent.CallerRole
	want, why := rpc.RoleNone, ""
	if f.registry != nil {
		want, why = rpc.RoleRead, "to read the registry"
	}
	if all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(f.services, f.clustered)))); len(all) > 0 {
		want, why = rpc.RoleOperate, "to deploy "+strings.Join(all, ", ")
	}
	if rank[have] < rank[want] {
		return amiss(LevelFault, check, fmt.Sprintf("on the host, as root: give uid %d the role %s in agent.yaml, then systemctl restart unidesk-agent", f.row.Agent.CallerUID, want),
			"uid %d has the role %s there and needs %s %s", f.row.Agent.CallerUID, cmp.Or(string(have), "none"), want, why)
	}
	say := cmp.Or(string(have), "none")
	if f.registry != nil && have != rpc.RoleAdmin {
		say += "; only artifact-registry install needs admin"
	}
	return fine(check, "%s", say)
}

func judgeClock(row site.HostRow) Finding {
	if math.Abs(row.SkewSeconds)-row.RoundTripSeconds/2 > mostSkew {
		return amiss(LevelWarning, "clock", "timedatectl on both: let NTP set them", "the host's clock is %+.1f s from ours", row.SkewSeconds)
	}
	return fine("clock", "%s", row.Clock())
}

// judgeCapabilities is about what the catalog takes for granted there.
func judgeCapabilities(f hostFacts) (list []Finding) {
	can := f.row.Agent.Capabilities
	var names []string
	for _, c := range can {
		names = append(names, strings.ToLower(string(c)))
	}
	lack := func(c rpc.Capability, fix, what string) {
		if !slices.Contains(can, c) {
			list = append(list, amiss(LevelFault, "capabilities", fix, "the agent lacks %s: %s", strings.ToLower(string(c)), what))
		}
	}
	if f.registry != nil {
		lack(rpc.CapabilityImageStream, "on the host, as root: name the registry in /etc/unidesk/agent.yaml (registry), then systemctl restart unidesk-agent", "no image can be read from it")
	}
	if len(f.services) > 0 {
		lack(rpc.CapabilityWorkloadCompose, "on the host, as root: write the section projects that `unidesk-controller host placement "+f.row.Name+
			"` prints to /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent",
			strings.Join(f.services, ", ")+" cannot be deployed there")
	}
	if len(f.clustered) > 0 {
		lack(rpc.CapabilityWorkloadKubernetes, "if no cluster is there, of each of them: "+unwanted+"; else on the host, as root: write the section kubernetes that `unidesk-controller host placement "+f.row.Name+
			"` prints to /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent",
			strings.Join(f.clustered, ", ")+" cannot be deployed there")
	}
	if len(list) == 0 {
		list = append(list, fine("capabilities", "%s", cmp.Or(strings.Join(names, ", "), "none")))
	}
	return list
}

// judgeRegistryName warns if the files that name the registry differ.
func judgeRegistryName(f hostFacts, c site.Config, services *catalog.Catalog) (list []Finding) {
	if f.registry == nil || services == nil {
		return nil
	}
	for _, check := range proof.Registry(services.Registry, f.row.Agent.Registry, c.Registry.Endpoint.String(), f.row.Name) {
		list = append(list, amiss(LevelWarning, "registry's name", check.Fix, "%s", check.Detail))
	}
	return list
}

// judgeRegistry reports separately whether deploys can read the registry and whether
// all is as declared.
func judgeRegistry(f registryFacts) []Finding {
	r := f.report.Worded(remedy.Text)
	answers := fine("registry", "it tells the agent what it holds")
	if f.asked != nil {
		answers = broken("registry", f.asked, cmp.Or(r.Next, "on the host: docker logs "+registry.Container))
	}
	const check = "registry's health"
	if r.Decision == registry.Healthy {
		return []Finding{answers, fine(check, "healthy at %s", r.Endpoint)}
	}
	what := r.Summary
	if r.Failure != nil {
		what = r.Failure.Message
	}
	return []Finding{answers, amiss(LevelWarning, check, r.Next, "%s: %s", r.Decision, what)}
}
