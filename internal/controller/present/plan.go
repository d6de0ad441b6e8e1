package present

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func (p *printer) plan(plan contract.Plan, c *contract.Contract) {
	if plan.Subject != "" {
		p.Field("subject", "%s", plan.Subject)
	}
	if plan.Standing != "" {
		p.Field("stands", "%s", plain.Label(plan.Standing))
	}
	p.Field("manifest", "%s", plan.Manifest)
	p.Field("config", "%s", plan.Config)
	p.Field("image", "%s, %s, %s", plain.Count(plan.Layers, "layer"), plain.Size(plan.Bytes), plan.Platform)
	if plan.Unseen == "" { // else nothing is brought anywhere
		p.Field("to transfer", "%s", wouldCross(plan, c))
	}
	p.Field("not touched", "%s", strings.Join(c.ExcludedTargets, "\n"))
	if plan.AlreadyLive {
		p.Field("live already", "this commit runs; --run-now would prove it and change nothing")
	}
	for _, c := range plan.Checks {
		if !c.OK && plan.AlreadyLive && c.Name != "provenance" {
			p.Field("check", "%s %s %s", terminal.Warn().Render("!"), c.Name, terminal.Faint().Render(c.Detail+" (not needed now: nothing would be recreated)"))
			continue
		}
		if c.Name == "provenance" && c.OK {
			continue // it has a line of its own
		}
		sign := terminal.Mark(c.OK)
		if c.Warning {
			sign = terminal.Warn().Render("!")
		}
		p.Field("check", "%s %s %s", sign, c.Name, terminal.Faint().Render(c.Detail))
	}
}

// byReceipt writes what the digests rest on if the registry did not give them.
func (p *printer) byReceipt(plan contract.Plan) {
	if by := plan.ByReceipt; by != nil {
		p.Field("registry", "%s: %s", terminal.Warn().Render(by.Registry), by.Cause)
		p.Field("rests on", "receipt %s; the host has the image by its digest", by.Receipt)
	}
}

// besideTheRegistry names the host that takes the image from the registry without
// the master's line. It returns "" for any other host.
func besideTheRegistry(c *contract.Contract) string {
	if c == nil || c.Shape != catalog.D601Compose && c.Shape != catalog.K3s {
		return ""
	}
	return c.Target.Host
}

func wouldCross(plan contract.Plan, c *contract.Contract) string {
	if host := besideTheRegistry(c); host != "" {
		store := "engine"
		if c.Shape == catalog.K3s {
			store = "cluster"
		}
		if plan.ByReceipt != nil {
			return "control messages only; " + host + "'s " + store + " has the image"
		}
		return "control messages only; " + host + "'s " + store + " takes the image from the registry beside it"
	}
	text := plain.Count(plan.Need.Layers, "layer") + ", " + plain.Size(plan.Need.Bytes)
	if plan.Need.Whole > plan.Need.Bytes {
		text += " instead of " + plain.Size(plan.Need.Whole)
	}
	return text
}
