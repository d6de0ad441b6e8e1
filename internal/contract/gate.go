package contract

import (
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Gate holds whether the service may be brought live, and if not, why and what to do.
type Gate struct {
	Mode catalog.Mode `json:"mode"`
	// Why is the gate's sentence, or the reason of a mode that is not live.
	Why string `json:"why,omitempty"`
	// Code is the gate that --run-now meets, "" when it is open.
	Code catalog.Gate `json:"code,omitempty"`
	// Next is the command to type instead, or after what opens the gate.
	Next Command `json:"next,omitzero"`
}

// The gates that no row asks for: they follow from its mode, its shape or the
// command.
const (
	GatePlanOnly    catalog.Gate = "plan-only"
	GateUnsupported catalog.Gate = "unsupported"
	GateDeprecated  catalog.Gate = "deprecated"
)

// Entry is the command with which a person asks for a deploy.
type Entry string

// The entries.
const (
	ByDeployService Entry = "deploy-service"
	ByDeployApply   Entry = "deploy apply"
	// ByPrefetch stages an image; no row requires another entry for that.
	ByPrefetch Entry = "prefetch"
	// ByDeployBackendCore is the legacy entry, which the gate always refuses.
	ByDeployBackendCore Entry = "deploy-backend-core"
)

// Asked is the part of a request on which the gate depends, beside the row.
type Asked struct {
	Entry  Entry
	Commit string
	// Granted is true if a supervisor's grant for exactly this was verified.
	Granted bool
	// Promoted is true if dev, or prod itself, proved this very digest. A dry run does
	// not know.
	Promoted bool
}

// Judge decides the gate; no other code does. A dry run, a plan and a run get the same
// gate.
func Judge(row catalog.Row, env artifact.Env, a Asked) Gate {
	e := row.Environment(env)
	shut := func(code catalog.Gate, next Command, format string, args ...any) Gate {
		return Gate{Mode: e.Mode, Code: code, Next: next, Why: fmt.Sprintf(format, args...)}
	}
	dryRun := DeployCommand(row.Service, env, a.Commit, "--dry-run")
	live := LiveCommand(row, env, a.Commit)
	switch {
	case a.Entry == ByDeployBackendCore:
		return shut(GateDeprecated, applyCommand("backend-core", artifact.Prod, a.Commit),
			"deploy-backend-core is a legacy entry and does nothing; backend-core is deployed by deploy apply")
	case e.Mode == catalog.Unsupported:
		return shut(GateUnsupported, Ours("services", row.Service.String()), "%s is not deployed to %s: %s", row.Service, env, e.Why)
	case e.Has(catalog.ContractMismatch):
		return shut(catalog.ContractMismatch, dryRun, "%s is not deployed live: %s", row.Service, e.Why)
	case e.Has(catalog.SupervisorRequired) && e.Mode == catalog.Validate:
		return shut(catalog.SupervisorRequired, dryRun, "%s is not deployed live: %s", row.Service, e.Why)
	case e.Mode == catalog.Validate:
		return shut(GatePlanOnly, elsewhere(row, env, a.Commit), "%s in %s has dry run and plan only: %s", row.Service, env, e.Why)
	case e.Has(catalog.UseDeployApply) && a.Entry != ByDeployApply && a.Entry != ByPrefetch:
		return shut(catalog.UseDeployApply, live, "%s is brought live by deploy apply only", row.Service)
	case e.Has(catalog.SupervisorRequired) && !a.Granted:
		return shut(catalog.SupervisorRequired, live,
			"a live deploy of %s wants a grant that a supervisor signed for exactly this service, environment and commit", row.Service)
	case e.Has(catalog.Promote) && !a.Promoted:
		return shut(catalog.Promote, LiveCommand(row, artifact.Dev, a.Commit),
			"%s goes to prod once a dev deploy has proven the same digest", row.Service)
	}
	return Gate{Mode: e.Mode, Why: e.Why}
}

// elsewhere returns the plan for the other environment if that is live, else the dry run
// if the mode is Validate, else the list of services.
func elsewhere(row catalog.Row, env artifact.Env, commit string) Command {
	for _, other := range artifact.Envs() {
		if e := row.Environment(other); other != env && e.Mode == catalog.Live {
			return DeployCommand(row.Service, other, commit)
		}
	}
	if row.Environment(env).Mode == catalog.Validate {
		return DeployCommand(row.Service, env, commit, "--dry-run")
	}
	return Ours("services")
}

// Shut reports whether the gate stops a live deploy.
func (g Gate) Shut() bool { return g.Code != "" }

// Final reports whether the gate is shut whatever hosts and receipts report. Only the
// digest can show a promotion.
func (g Gate) Final() bool { return g.Shut() && g.Code != catalog.Promote }

// Passable reports whether some deploy can pass the gate: with a grant, or after a
// promotion.
func (g Gate) Passable() bool {
	return !g.Final() || g.Code == catalog.SupervisorRequired && g.Mode == catalog.Live
}

// Empty reports whether there is nothing behind the gate that a plan could look at.
func (g Gate) Empty() bool { return g.Code == GateUnsupported || g.Code == GateDeprecated }

// decision returns the decision of a command that the gate stops.
func (g Gate) decision() Decision {
	switch g.Code {
	case GateDeprecated:
		return DecidedDeprecated
	case GateUnsupported, GatePlanOnly:
		return DecidedUnsupported
	}
	return DecidedGated
}

// GateReason returns the reason of a refusal at a gate; false for a gate that is missing
// here, which a test finds.
func GateReason(code catalog.Gate) (fault.Reason, bool) {
	switch code {
	case GateUnsupported, GatePlanOnly:
		return fault.Unsupported, true
	case GateDeprecated:
		return fault.Deprecated, true
	case catalog.ContractMismatch:
		return fault.ContractMismatch, true
	case catalog.SupervisorRequired:
		return fault.SupervisorRequired, true
	case catalog.UseDeployApply:
		return fault.UseDeployApply, true
	case catalog.Promote:
		return fault.PromoteFirst, true
	}
	return "", false
}

func (g Gate) fault() error {
	reason, known := GateReason(g.Code)
	if !known {
		reason = fault.Internal
	}
	err := fault.New(reason, "%s", g.Why)
	if g.Code == catalog.SupervisorRequired && g.Mode == catalog.Live {
		return err.WithHint("the dry run prints the statement to sign and the commands that make a grant of it")
	}
	return err
}
