package present

import (
	"cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

// scope writes what happened to everything else.
func (p *printer) scope(s *contract.Scope, shape catalog.Shape) {
	others := "container of the engine"
	if shape == catalog.K3s {
		others = "Deployment of the namespace"
	}
	switch {
	case s == nil:
	case !s.Observed:
		p.Field("scope", "%s", "not observed: "+s.Note)
	case len(s.Disturbed) == 0:
		p.Field("scope", "no other %s was touched", others)
	}
	if s != nil {
		for _, d := range s.Disturbed {
			p.Field("disturbed", "%s %s", terminal.Warn().Render("!"), d.Detail)
		}
	}
}

func (p *printer) evidence(r contract.Result) {
	if n := len(r.Evidence); n > 0 {
		held := 0
		for _, f := range r.Evidence {
			if f.OK {
				held++
			}
		}
		p.Field("checks", "%d of %d passed%s", held, n, terminal.Faint().Render("  (-o json shows each)"))
	}
	for _, f := range r.Evidence {
		if !f.OK {
			p.Field("", "%s %s is %s, want %s", findingMark(f), f.Check, cmp.Or(f.Got, "none"), f.Want)
		}
	}
	for _, w := range r.Witnesses {
		p.Field("proof", "%s", w)
	}
}

func origin(v provenance.Verdict) string {
	style := terminal.Warn()
	switch v.Status {
	case provenance.Verified:
		style = terminal.Good()
	case provenance.Contradicted:
		style = terminal.Bad()
	}
	return style.Render(string(v.Status))
}

func findingMark(f proof.Finding) string {
	if f.Degrades {
		return terminal.Warn().Render("!")
	}
	return terminal.Mark(f.OK)
}
