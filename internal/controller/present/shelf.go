package present

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// shelves are what artifact-registry list answers. docs/output.md describes its JSON.
type shelves struct {
	OK       bool              `json:"ok"`
	Services []inventory.Shelf `json:"services"`
}

// Shelves answers with what the registry holds of each service.
func Shelves(list []inventory.Shelf) Answer {
	missing := len(inventory.Failures(list)) > 0
	return NewAnswer(exitIncomplete(missing), shelves{!missing, list}, func(out io.Writer, s shelves) error {
		return printShelves(out, s.Services, time.Now())
	})
}

func printShelves(out io.Writer, list []inventory.Shelf, now time.Time) error {
	var lines [][]string
	for _, s := range list {
		for _, one := range s.Artifacts {
			weight := "-"
			if one.Size > 0 {
				weight = plain.Size(one.Size)
			}
			lines = append(lines, []string{s.Service.String(), one.Commit.String(), one.Digest.Hex()[:12], weight, plain.Age(now, one.Created)})
		}
	}
	if err := terminal.Table(out, []string{"SERVICE", "COMMIT", "DIGEST", "SIZE", "AGE"}, lines); err != nil {
		return err
	}
	p := newPrinter(out)
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
	return printUnasked(out, inventory.Failures(list))
}

// few names the first of many.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}
