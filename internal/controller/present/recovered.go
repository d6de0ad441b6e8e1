package present

import (
	"fmt"
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// recoveries are what recover answers. docs/output.md describes its JSON.
type recoveries struct {
	OK        bool                `json:"ok"`
	Recovered []contract.Recovery `json:"recovered"`
}

// Recovered answers with what became of each thing that killed runs left.
func Recovered(done []contract.Recovery) Answer {
	left := slices.ContainsFunc(done, func(r contract.Recovery) bool { return r.Action == contract.Failed || r.Action == contract.Busy })
	return answer(exitIncomplete(left), recoveries{!left, append([]contract.Recovery{}, done...)}, printRecovered)
}

func printRecovered(out io.Writer, r recoveries) error {
	done := r.Recovered
	p := &printer{out: out}
	if len(done) == 0 {
		p.line("nothing to recover")
	}
	for _, one := range done {
		p.line("%s", recovered(one))
		if one.Action == contract.Busy {
			p.field("because", "%s", one.Running)
			p.field("next", "wait for it to end, and ask again")
			continue
		}
		p.field("running now", "%s", one.Running)
		p.warnings(one.Warnings)
		if f := one.Failure; f != nil {
			p.field("because", "%s", indent(f.Message))
			if f.Hint != "" {
				p.field("to mend", "%s", indent(f.Hint))
			}
			p.field("next", "%s", f.Next)
		}
	}
	return p.err
}

func recovered(one contract.Recovery) string {
	switch one.Action {
	case contract.TookBack:
		return good().Render("taken back") + fmt.Sprintf("  the unsettled change of %s %s to %s", one.Service, one.Env, one.Commit)
	case contract.Recorded:
		return good().Render("recorded") + fmt.Sprintf("  the receipt of %s %s for %s", one.Service, one.Env, one.Commit)
	case contract.Released:
		return good().Render("released") + fmt.Sprintf("  the container that held an image of %s %s for a change that is over", one.Service, one.Env)
	case contract.Unreached:
		what := fmt.Sprintf("%s %s", one.Service, one.Env)
		if one.Host != "" {
			what = one.Host + ", with all that runs there"
		}
		if one.Failure != nil && one.Failure.Reason == fault.NotAnAgent {
			return warn().Render("unreached") + fmt.Sprintf("  %s: if no agent is there, nothing ends what is not settled", what)
		}
		return warn().Render("unreached") + fmt.Sprintf("  %s: its host ends by itself what nobody settles", what)
	case contract.Busy:
		return warn().Render("busy") + fmt.Sprintf("  %s %s: a run that goes on has it", one.Service, one.Env)
	default:
		if one.Commit.IsZero() {
			return bad().Render("failed") + fmt.Sprintf("  to look at %s %s", one.Service, one.Env)
		}
		return bad().Render("failed") + fmt.Sprintf("  to end the change of %s %s to %s", one.Service, one.Env, one.Commit)
	}
}
