package present

import (
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// RegistryDryRun is what install --dry-run answers. docs/output.md describes its JSON.
type RegistryDryRun struct {
	OK       bool               `json:"ok"`
	Decision string             `json:"decision"`
	Source   string             `json:"source"`
	Host     string             `json:"host"`
	Settings registry.Settings  `json:"settings"`
	Hashes   registry.Hashes    `json:"hashes"`
	Steps    []registry.Planned `json:"steps"`
	Next     string             `json:"next"`
}

// DryRun answers with the steps of an installation of the registry. from names the
// source of the settings.
func DryRun(c site.Config, from string) Answer {
	return answer(ExitOK, RegistryDryRun{
		OK: true, Decision: "dry-run", Source: from, Host: c.RegistryHost, Settings: c.Registry,
		Hashes: registry.Render(c.Registry).Hashes(), Steps: registry.Steps(c.Registry), Next: remedy.Line(fault.RegistryInstall),
	}, printRegistryDryRun)
}

func printRegistryDryRun(out io.Writer, r RegistryDryRun) error {
	p := &printer{out: out}
	p.line("%s  registry on %s: these steps would be taken, in this order; nothing was contacted", good().Render(r.Decision), r.Host)
	for _, s := range r.Steps {
		p.field(string(s.Step), "%s", s.Target)
		p.field("", "%s", faint().Render(s.Does))
	}
	p.field("settings", "%s", r.Source)
	p.field("next", "%s", r.Next)
	return p.err
}

// installLine is a step that is done, for people.
func installLine(after time.Duration, p registry.Progress) string {
	what := faint().Render("as it is")
	switch {
	case p.Kept != "":
		what = "changed; what was there is kept at " + p.Kept
	case p.Changed:
		what = "changed"
	}
	return fmt.Sprintf("%6.1fs  %s %s  %s", after.Seconds(), point().Render(fmt.Sprintf("%-8s", p.Step)), p.Target, what)
}
