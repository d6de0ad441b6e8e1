package present

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func (p *printer) plan(plan contract.Plan, c *contract.Contract) {
	p.field("manifest", "%s", plan.Manifest)
	p.field("config", "%s", plan.Config)
	p.field("image", "%s, %s, %s", plain.Count(plan.Layers, "layer"), plain.Size(plan.Bytes), plan.Platform)
	if plan.Unseen == "" { // else nothing is brought anywhere
		p.field("would cross", "%s", wouldCross(plan, c))
	}
	p.field("not touched", "%s", indent(strings.Join(c.ExcludedTargets, "\n")))
	if plan.AlreadyLive {
		p.field("live already", "this commit runs; --run-now would prove it and change nothing")
	}
	for _, c := range plan.Checks {
		if !c.OK && plan.AlreadyLive && c.Name != "provenance" {
			p.field("check", "%s %s %s", warn().Render("!"), c.Name, faint().Render(indent(c.Detail)+" (not needed now: nothing would be recreated)"))
			continue
		}
		if c.Name == "provenance" && c.OK {
			continue // it has a line of its own
		}
		sign := mark(c.OK)
		if c.Warning {
			sign = warn().Render("!")
		}
		p.field("check", "%s %s %s", sign, c.Name, faint().Render(indent(c.Detail)))
	}
}

// byReceipt writes what the digests rest on if the registry did not give them.
func (p *printer) byReceipt(plan contract.Plan) {
	if by := plan.ByReceipt; by != nil {
		p.field("registry", "%s: %s", warn().Render(by.Registry), indent(by.Cause))
		p.field("rests on", "receipt %s; the host has the image by its digest", by.Receipt)
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
