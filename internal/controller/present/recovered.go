package present

import (
	"fmt"
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Recovered answers with what became of each thing that killed runs left.
func Recovered(done []contract.Recovery) Answer {
	left := slices.ContainsFunc(done, func(r contract.Recovery) bool { return r.Action == contract.Failed || r.Action == contract.Busy })
	return NewList(done, left, printRecovered)
}

func printRecovered(out io.Writer, done []contract.Recovery) error {
	p := newPrinter(out)
	if len(done) == 0 {
		p.Line("nothing to recover")
	}
	for _, one := range done {
		p.Line("%s", recovered(one))
		if one.Action == contract.Busy {
			p.Field("because", "%s", one.Running.Text)
			p.Field("next", "wait for it to end, and ask again")
			continue
		}
		p.Field("running now", "%s", one.Running.Text)
		p.Warnings(one.Warnings)
		if f := one.Failure; f != nil {
			p.Field("because", "%s", f.Message)
			if f.Hint != "" {
				p.Typed("fix", f.Hint)
			}
			p.Typed("next", f.Next)
		}
	}
	return p.Err
}

func recovered(one contract.Recovery) string {
	switch one.Action {
	case contract.TookBack:
		return terminal.Good().Render("reverted") + fmt.Sprintf("  the unconfirmed change of %s %s to %s", one.Service, one.Env, one.Commit)
	case contract.Recorded:
		return terminal.Good().Render("recorded") + fmt.Sprintf("  the receipt of %s %s for %s", one.Service, one.Env, one.Commit)
	case contract.Released:
		return terminal.Good().Render("released") + fmt.Sprintf("  the container that held an image of %s %s for a change that is over", one.Service, one.Env)
	case contract.Unreached:
		what := fmt.Sprintf("%s %s", one.Service, one.Env)
		if one.Host != "" {
			what = one.Host + ", with all that runs there"
		}
		if one.Failure != nil && one.Failure.Reason == fault.NotAnAgent {
			return terminal.Warn().Render("unreached") + fmt.Sprintf("  %s: if it has no agent, nothing reverts an unconfirmed change there", what)
		}
		return terminal.Warn().Render("unreached") + fmt.Sprintf("  %s: its agent reverts an unconfirmed change by itself at the deadline", what)
	case contract.Busy:
		return terminal.Warn().Render("busy") + fmt.Sprintf("  %s %s: a run that goes on has it", one.Service, one.Env)
	default:
		if one.Commit.IsZero() {
			return terminal.Bad().Render("failed") + fmt.Sprintf("  to look at %s %s", one.Service, one.Env)
		}
		return terminal.Bad().Render("failed") + fmt.Sprintf("  to end the change of %s %s to %s", one.Service, one.Env, one.Commit)
	}
}
