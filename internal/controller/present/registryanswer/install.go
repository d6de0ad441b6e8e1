package registryanswer

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// DryRunResult is what install --dry-run answers. docs/output.md describes its JSON.
type DryRunResult struct {
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
func DryRun(c site.Config, from string) present.Answer {
	return present.NewAnswer(present.ExitOK, DryRunResult{
		OK: true, Decision: "dry-run", Source: from, Host: c.RegistryHost, Settings: c.Registry,
		Hashes: registry.Render(c.Registry).Hashes(), Steps: registry.Steps(c.Registry), Next: remedy.Line(fault.RegistryInstall),
	}, printDryRun)
}

func printDryRun(out io.Writer, r DryRunResult) error {
	p := terminal.NewPrinter(out)
	p.Line("%s  registry on %s: these steps would be taken, in this order; nothing was contacted", terminal.Good().Render(r.Decision), r.Host)
	for _, s := range r.Steps {
		p.Field(string(s.Step), "%s", s.Target)
		p.Field("", "%s", terminal.Faint().Render(s.Does))
	}
	p.Field("settings", "%s", r.Source)
	p.Typed("next", r.Next)
	return p.Err
}

// Installing returns what shows each step of an installation as it is done, on progress. It
// notes the first that begins.
func Installing(progress *terminal.Progress, steps []registry.Planned) func(registry.Progress) {
	begin := func() {
		if len(steps) > 0 {
			progress.Begin(string(steps[0].Step), steps[0].Target+": "+steps[0].Does)
		}
	}
	begin()
	return func(p registry.Progress) {
		what := "as it is"
		switch {
		case p.Kept != "":
			what = "changed; what was there is kept at " + p.Kept
		case p.Changed:
			what = "changed"
		}
		progress.Step(string(p.Step), p.Target+"  "+what)
		steps = steps[min(1, len(steps)):]
		begin()
	}
}
