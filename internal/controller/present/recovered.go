package present

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

func PrintRecovered(out io.Writer, done []deploy.Recovery) error {
	p := &printer{out: out}
	if len(done) == 0 {
		p.line("nothing to recover")
	}
	for _, one := range done {
		p.line("%s", recovered(one))
		if one.Action == deploy.Busy {
			p.field("because", "%s", one.Running)
			p.field("next", "wait for it to end, and ask again")
			continue
		}
		p.field("running now", "%s", one.Running)
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

func recovered(one deploy.Recovery) string {
	switch one.Action {
	case deploy.TookBack:
		return good.Render("taken back") + fmt.Sprintf("  the unsettled change of %s %s to %s", one.Service, one.Env, one.Commit)
	case deploy.Recorded:
		return good.Render("recorded") + fmt.Sprintf("  the receipt of %s %s for %s", one.Service, one.Env, one.Commit)
	case deploy.Unreached:
		return Warn.Render("unreached") + fmt.Sprintf("  %s %s and whatever else runs there: its host ends by itself what nobody settles", one.Service, one.Env)
	case deploy.Busy:
		return Warn.Render("busy") + fmt.Sprintf("  %s %s: a run that goes on has it", one.Service, one.Env)
	default:
		return Bad.Render("failed") + fmt.Sprintf("  to end the change of %s %s to %s", one.Service, one.Env, one.Commit)
	}
}
