package present

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func (p *printer) contract(c *contract.Contract) {
	if c == nil {
		return
	}
	p.field("environment", "%s (%s)", c.Env, c.EnvSource)
	p.field("mode", "%s", c.Gate.Mode)
	p.gate(c, true)
	p.field("shape", "%s", c.Shape)
	p.field("registry", "%s", c.RegistryProbeURL)
	p.field("image", "%s", c.Image)
	if !c.Digest.IsZero() {
		p.field("digest", "%s, as named", c.Digest)
	}
	for _, name := range slices.Sorted(maps.Keys(c.RequiredLabels)) {
		p.field("label", "%s=%s", name, c.RequiredLabels[name])
	}
	p.field("target", "%s", indent(cmp.Or(strings.Join(c.Targets, "\n"), "none")))
	p.field("not touched", "%s", indent(strings.Join(c.ExcludedTargets, "\n")))
	if c.Shape == catalog.Infrastructure {
		return
	}
	p.field("tags", "%s", strings.Join(c.Target.Tags, ", "))
	p.field("deployments", "%s", cmp.Or(strings.Join(c.Deployments, ", "), "none"))
	if c.Shape == catalog.K3s {
		p.field("stamps", "%s", indent(strings.Join(append(slices.Clone(c.EnvKeys), c.Annotations...), "\n")))
		if a := c.AuthSync; a != nil {
			p.field("auth sync", "config.json's %s, before the rollout\n%s to secret %s\n%s to configmap %s\nevery other key goes nowhere",
				a.From, strings.Join(a.Credentials, ", "), a.Secret, cmp.Or(strings.Join(a.Settings, ", "), "nothing"), a.ConfigMap)
		}
		for _, r := range c.Target.Rollouts {
			p.field("rolls out", "%s, container %s\n%s", r.Deployment, r.Container, cmp.Or(r.ServiceProxy, "no Service: proven by rollout, image and environment"))
		}
	} else {
		p.field("runs", "%s", c.Target.Command)
		p.field("env file", "%s", envFile(c))
		p.field("writes there", "%s", indent(strings.Join(c.EnvKeys, "\n")))
		p.field("shown by", "the service's environment, each under its own name, and its labels")
		p.field("needs there", "%s", indent(cmp.Or(strings.Join(c.RequiredSecrets, "\n"), "none")))
	}
	p.field("health", ":%d%s, %s, equal for %s, within %s", c.Health.Port, c.Health.Path, c.Health.Witness, c.Health.Stable, c.Health.Timeout)
	if len(c.Health.Flags) > 0 {
		p.field("must be true", "%s", strings.Join(c.Health.Flags, "\n"))
	}
}

// gate writes what stands before a live deploy, if anything does.
// dry means that the printed answer is the dry run itself.
func (p *printer) gate(c *contract.Contract, dry bool) {
	if c == nil || c.Gate.Code == "" {
		return
	}
	p.field("gate", "%s: %s", warn().Render(string(c.Gate.Code)), c.Gate.Why)
	if next := c.Gate.Next; !dry || !next.Equal(c.ToSign()) { // the dry run is that command
		p.field("next", "%s", next)
	}
	if c.Statement != "" {
		lines := strings.Split(strings.TrimSuffix(c.Statement, "\n"), "\n")
		p.field("to sign", "%s", indent(strings.Join(lines, "\n")))
		p.field("as grant.txt", "%s > grant.txt", plain.Command(append([]string{"printf", `%s\n`}, lines...)...)) // POSIX: every shell has it
		p.field("signed by", "%s", indent(strings.Join(grant.Commands(), "\n")))
	}
}

func (p *printer) grant(g *grant.Grant) {
	if g != nil {
		p.field("grant", "by %s (%s), nonce %s", g.Signer, g.Key, g.Nonce)
	}
}

func envFile(c *contract.Contract) string {
	if c.Target.Host != catalog.Master {
		return "placed by " + c.Target.Host + "'s " + c.EnvFile
	}
	return "named by config.json's " + c.EnvFile
}
