package present

import (
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Services answers with all services of the catalog.
func Services(list []inventory.Service) Answer { return viewedList(list, false, printServices) }

// Service answers with all that the catalog has of one service, in the same JSON as [Services].
func Service(one inventory.Service) Answer {
	return NewList([]inventory.Service{one}, false, func(out io.Writer, list []inventory.Service) error { return printService(out, list[0]) })
}

// CatalogChecked is a catalog that was found right. docs/output.md describes its JSON.
type CatalogChecked struct {
	OK       bool   `json:"ok"`
	File     string `json:"file"`
	Services int    `json:"services"`
	Hash     string `json:"hash"`
}

// Checked answers with a catalog that was found right.
func Checked(c CatalogChecked) Answer {
	return NewAnswer(ExitOK, c, func(out io.Writer, c CatalogChecked) error {
		p := newPrinter(out)
		p.Line("ok: %s: %s, %s", c.File, plain.Count(c.Services, "service"), c.Hash)
		return p.Err
	})
}

// printServices writes a line for each service and environment that it has. The shape names
// the host.
func printServices(v view, list []inventory.Service) error {
	var lines [][]string
	for _, s := range list {
		name := s.Service
		for _, env := range artifact.Envs() {
			e := env.String()
			lines = append(lines, []string{name, e, s.Modes[e], s.Shapes[e], s.Gates[e], strings.Join(s.Short[e], "\n")})
			name = ""
		}
	}
	p := v.printer()
	p.Table([]string{"SERVICE", "ENV", "MODE", "SHAPE", "GATE", "TARGET"}, lines)
	p.Line("%s", terminal.Faint().Render("`unidesk-controller services NAME` shows one whole, and why"))
	return p.Err
}

// printService writes all that the catalog has of one service.
func printService(out io.Writer, s inventory.Service) error {
	p := newPrinter(out)
	for _, env := range artifact.Envs() {
		e := env.String()
		p.Line("%s  %s", s.Service, e)
		p.Field("mode", "%s", s.Modes[e])
		if s.Shapes[e] != "" {
			p.Field("shape", "%s", s.Shapes[e])
		}
		if len(s.Targets[e]) > 0 {
			p.Field("target", "%s", strings.Join(s.Targets[e], "\n"))
		}
		if s.Gates[e] != "" {
			p.Field("gate", "%s", s.Gates[e])
		}
		if s.Why[e] != "" {
			p.Field("why", "%s", s.Why[e])
		}
	}
	return p.Err
}
