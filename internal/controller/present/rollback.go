package present

import (
	"cmp"
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Rollback answers with what a service can go back to.
func Rollback(r inventory.RollbackOptions) Answer {
	return answer(exitIncomplete(!r.OK), r, printRollback)
}

func printRollback(out io.Writer, r inventory.RollbackOptions) error {
	p := &printer{out: out}
	switch {
	case r.OK:
		p.line("%s  %s %s", good().Render("can go back"), r.Service, r.Env)
	case len(r.Candidates) == 0:
		p.line("%s  %s %s: no receipt says that a commit was proven", bad().Render("nothing to go back to"), r.Service, r.Env)
	case slices.ContainsFunc(r.Candidates, func(c inventory.Candidate) bool { return c.Registry == inventory.UnknownThere }):
		p.line("%s  %s %s: not every question was answered", bad().Render("cannot tell"), r.Service, r.Env)
	default:
		p.line("%s  %s %s", bad().Render("nothing to go back to"), r.Service, r.Env)
	}
	p.field("running now", "%s", cmp.Or(r.Seen, "not known"))
	for _, c := range r.Candidates {
		p.line("%s %s  proven %s by %s", mark(c.Command != ""), c.Commit, c.Finished.UTC().Format("2006-01-02 15:04 MST"), c.Who)
		p.field("receipt", "%s", c.Receipt)
		if c.Why != "" {
			p.field("not", "%s", c.Why)
		}
		if c.Command == "" && !c.Runs {
			p.field("proven was", "%s", c.Digest)
		}
		if c.Registry == inventory.MovedThere {
			p.field("the tag names", "%s", c.Now)
		}
		if c.ByReceipt != "" {
			p.field("registry", "%s", c.ByReceipt)
			p.field("rests on", "its receipt, and the image that its host has by the digest")
		}
		if c.InEngine != nil {
			p.field("in the engine", "%s", map[bool]string{true: "yes", false: "no"}[*c.InEngine])
		}
		if c.Bytes != nil {
			p.field("would cross", "%s", plain.Size(*c.Bytes))
		}
		if c.Command != "" {
			p.field("to go back", "%s", c.Command)
		}
	}
	if r.Hint != "" {
		p.field("by hand", "%s", indent(r.Hint))
	}
	if p.err != nil {
		return p.err
	}
	return printUnasked(out, r.Unasked)
}
