package setupanswer

import (
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
)

// Explanation is what explain answers about a reason. docs/output.md describes its JSON.
type Explanation struct {
	OK bool `json:"ok"`
	explain.Entry
}

// Explained answers with what a reason means.
func Explained(e explain.Entry) present.Answer {
	return present.NewAnswer(present.ExitOK, Explanation{OK: true, Entry: e}, func(out io.Writer, e Explanation) error {
		p := terminal.NewPrinter(out)
		p.Line("%s", e.Reason)
		p.Field("cause", "%s", e.Cause)
		p.Typed("fix", e.Repair)
		return p.Err
	})
}

// AllExplained answers with all reasons; as text it has their causes only.
func AllExplained(list []explain.Entry) present.Answer {
	return present.NewList(list, false, func(out io.Writer, list []explain.Entry) error {
		p := terminal.NewPrinter(out)
		for _, one := range list {
			p.Line("%s", one.Reason)
			p.Line("  %s", terminal.Faint().Render(one.Cause))
		}
		p.Line("%s", terminal.Faint().Render("`unidesk-controller explain REASON` has what to do about it"))
		return p.Err
	})
}
