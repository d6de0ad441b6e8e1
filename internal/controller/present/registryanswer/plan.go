package registryanswer

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// Plan answers with the specification of the registry.
func Plan(r inventory.RegistryPlan) present.Answer {
	return present.NewAnswer(present.ExitOK, r, printPlan)
}

func printPlan(out io.Writer, r inventory.RegistryPlan) error {
	p := terminal.NewPrinter(out)
	p.Line("%s  registry on %s; nothing was contacted", terminal.Good().Render("plan"), r.Host)
	p.Field("settings", "%s", r.Source)
	list := func(name string, lines []string) {
		for i, line := range lines {
			if i > 0 {
				name = ""
			}
			p.Field(name, "%s", line)
		}
	}
	list("boundary", r.Boundary)
	list("leans on", r.Dependencies.Allowed)
	list("never on", r.Dependencies.Forbidden)
	for _, one := range r.Paths {
		p.Field(one.Name, "%s", one.Value)
	}
	for i, step := range r.Flow {
		p.Field(map[bool]string{true: "backend-core"}[i == 0], "%d. %s", i+1, step)
	}
	p.Typed("next", "unidesk-controller artifact-registry render\n"+"unidesk-controller artifact-registry install --dry-run")
	return p.Err
}
