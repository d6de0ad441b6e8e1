package present

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
)

// RegistryPlan answers with the specification of the registry.
func RegistryPlan(r inventory.RegistryPlan) Answer { return answer(ExitOK, r, printRegistryPlan) }

func printRegistryPlan(out io.Writer, r inventory.RegistryPlan) error {
	p := newPrinter(out)
	p.Line("%s  registry on %s; nothing was contacted", terminal.Good().Render("plan"), r.Host)
	p.Field("settings", "%s", r.Source)
	list := func(name string, lines []string) {
		for i, line := range lines {
			if i > 0 {
				name = ""
			}
			p.Field(name, "%s", terminal.Indent(terminal.Wrapped(line)))
		}
	}
	list("boundary", r.Boundary)
	list("leans on", r.Dependencies.Allowed)
	list("never on", r.Dependencies.Forbidden)
	for _, one := range r.Paths {
		p.Field(one.Name, "%s", one.Value)
	}
	for i, step := range r.Flow {
		p.Field(map[bool]string{true: "backend-core"}[i == 0], "%s", terminal.Indent(terminal.Wrapped(fmt.Sprintf("%d. %s", i+1, step))))
	}
	p.Field("next", "%s", "unidesk-controller artifact-registry render\n"+"unidesk-controller artifact-registry install --dry-run")
	return p.Err
}
