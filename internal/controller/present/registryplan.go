package present

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
)

// RegistryPlan answers with the specification of the registry.
func RegistryPlan(r inventory.RegistryPlan) Answer { return answer(ExitOK, r, printRegistryPlan) }

func printRegistryPlan(out io.Writer, r inventory.RegistryPlan) error {
	p := &printer{out: out}
	p.line("%s  registry on %s; nothing was contacted", good().Render("plan"), r.Host)
	p.field("settings", "%s", r.Source)
	list := func(name string, lines []string) {
		for i, line := range lines {
			if i > 0 {
				name = ""
			}
			p.field(name, "%s", indent(wrapped(line)))
		}
	}
	list("boundary", r.Boundary)
	list("leans on", r.Dependencies.Allowed)
	list("never on", r.Dependencies.Forbidden)
	for _, one := range r.Paths {
		p.field(one.Name, "%s", one.Value)
	}
	for i, step := range r.Flow {
		p.field(map[bool]string{true: "backend-core"}[i == 0], "%s", indent(wrapped(fmt.Sprintf("%d. %s", i+1, step))))
	}
	p.field("next", "%s", "unidesk-controller artifact-registry render\n"+"unidesk-controller artifact-registry install --dry-run")
	return p.err
}
