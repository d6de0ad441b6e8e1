package present

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

func (p *printer) contract(c *contract.Contract) {
	if c == nil {
		return
	}
	p.Field("environment", "%s (%s)", c.Env, c.EnvSource)
	p.Field("mode", "%s", c.Gate.Mode)
	p.gate(c, true)
	p.Field("shape", "%s", c.Shape)
	p.Field("registry", "%s", c.RegistryProbeURL)
	p.Field("image", "%s", c.Image)
	if !c.Digest.IsZero() {
		p.Field("digest", "%s, as named", c.Digest)
	}
	for _, name := range slices.Sorted(maps.Keys(c.RequiredLabels)) {
		p.Field("label", "%s=%s", name, c.RequiredLabels[name])
	}
	p.Field("target", "%s", cmp.Or(strings.Join(c.Targets, "\n"), "none"))
	p.Field("not touched", "%s", strings.Join(c.ExcludedTargets, "\n"))
	if c.Shape == catalog.Infrastructure {
		return
	}
	p.Field("tags", "%s", strings.Join(c.Target.Tags, ", "))
	p.Field("deployments", "%s", cmp.Or(strings.Join(c.Deployments, ", "), "none"))
	if c.Shape == catalog.K3s {
		p.Field("stamps", "%s", strings.Join(append(slices.Clone(c.EnvKeys), c.Annotations...), "\n"))
		if a := c.AuthSync; a != nil {
			p.Field("auth sync", "config.json's %s, before the rollout\n%s to secret %s\n%s to configmap %s\nevery other key goes nowhere",
				a.From, strings.Join(a.Credentials, ", "), a.Secret, cmp.Or(strings.Join(a.Settings, ", "), "nothing"), a.ConfigMap)
		}
		for _, r := range c.Target.Rollouts {
			p.Field("rolls out", "%s, container %s\n%s", r.Deployment, r.Container, cmp.Or(r.ServiceProxy, "no Service: proven by rollout, image and environment"))
		}
	} else {
		p.Typed("runs", c.Target.Command)
		p.Field("env file", "%s", envFile(c))
		p.Field("writes there", "%s", strings.Join(c.EnvKeys, "\n"))
		p.Field("shown by", "the service's environment, each under its own name, and its labels")
		p.Field("needs there", "%s", cmp.Or(strings.Join(c.RequiredSecrets, "\n"), "none"))
	}
	p.Field("health", ":%d%s, %s, equal for %s, within %s", c.Health.Port, c.Health.Path, c.Health.Witness, c.Health.Stable, c.Health.Timeout)
	if len(c.Health.Flags) > 0 {
		p.Field("must be true", "%s", strings.Join(c.Health.Flags, "\n"))
	}
}

// gate writes what stands before a live deploy, if anything does.
// dry means that the printed answer is the dry run itself.
func (p *printer) gate(c *contract.Contract, dry bool) {
	if c == nil || c.Gate.Code == "" {
		return
	}
	p.Field("gate", "%s: %s", terminal.Warn().Render(string(c.Gate.Code)), c.Gate.Why)
	if next := c.Gate.Next; !dry || !next.Equal(c.ToSign()) { // the dry run is that command
		p.Typed("next", next)
	}
	if c.Statement != "" {
		lines := strings.Split(strings.TrimSuffix(c.Statement, "\n"), "\n")
		p.Typed("to sign", strings.Join(lines, "\n"))
		p.Typed("as grant.txt", plain.Command(append([]string{"printf", `%s\n`}, lines...)...)+" > grant.txt") // POSIX: every shell has it
		p.Typed("signed by", strings.Join(grant.Commands(), "\n"))
	}
}

func (p *printer) grant(g *grant.Grant) {
	if g != nil {
		p.Field("grant", "by %s (%s), nonce %s", g.Signer, g.Key, g.Nonce)
	}
}

func envFile(c *contract.Contract) string {
	if c.Target.Host != catalog.Master {
		return "placed by " + c.Target.Host + "'s " + c.EnvFile
	}
	if c.EnvFilePath != "" {
		return c.EnvFilePath
	}
	return "named by config.json's " + c.EnvFile
}
