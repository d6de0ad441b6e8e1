package present

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Shelves answers with what the registry holds of each service.
func Shelves(list []inventory.Shelf) Answer {
	return viewedList(list, len(inventory.Failures(list)) > 0, printShelves)
}

func printShelves(v view, list []inventory.Shelf) error {
	var lines [][]string
	known, subjects := false, false
	for _, s := range list {
		for _, one := range s.Artifacts {
			weight := "-"
			if one.Size > 0 {
				weight = plain.Size(one.Size)
			}
			line := []string{s.Service.String(), one.Commit.String(), v.digest(one.Digest), weight, v.age(one.Created)}
			lines = append(lines, append(line, standings(one.Standing), one.Subject))
			known, subjects = known || one.Standing != nil, subjects || one.Subject != ""
		}
	}
	head := []string{"SERVICE", "COMMIT", "DIGEST", "SIZE", "AGE"}
	if known {
		head = append(head, "STANDING")
		if subjects {
			head = append(head, "SUBJECT")
		}
	}
	for i := range lines {
		lines[i] = lines[i][:len(head)]
	}
	p := v.printer()
	p.Table(head, lines)
	var nothing []string
	for _, s := range list {
		for _, broken := range s.Broken {
			p.Line("%s %s cannot be read: %s", s.Service, broken.Name, plain.Text(broken.Trouble))
			p.Line("  publish that commit again, or delete the tag; the other tags are as listed")
		}
		if s.Failure == nil && len(s.Artifacts) == 0 && len(s.Broken) == 0 {
			nothing = append(nothing, s.Service.String())
		}
		if n := len(s.Others); n > 0 {
			p.Line("%s", terminal.Faint().Render(fmt.Sprintf("%s has %s beside the full commits, never deployed: %s", s.Service, plain.Count(n, "tag"), few(s.Others))))
		}
	}
	if len(nothing) > 0 {
		p.Line("%s", terminal.Faint().Render("nothing is published of "+strings.Join(nothing, ", ")))
	}
	if p.Err != nil {
		return p.Err
	}
	return printUnasked(v.out, inventory.Failures(list))
}

// standings are how a commit stands in each environment: "live, in dev new", or in a word.
func standings(in map[artifact.Env]ledger.Standing) string {
	var words []string
	for _, env := range artifact.Envs() {
		switch standing, ok := in[env]; {
		case ok && len(words) == 0:
			words = append(words, plain.Label(standing))
		case ok && words[0] != plain.Label(standing):
			words = append(words, "in "+env.String()+" "+plain.Label(standing))
		}
	}
	return strings.Join(words, ", ")
}

// few names the first of many.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}
