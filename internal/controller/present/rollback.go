package present

import (
	"io"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Rollback answers with what a service can go back to.
func Rollback(r inventory.RollbackOptions) Answer {
	return NewAnswer(Incomplete(!r.OK), r, printRollback)
}

func printRollback(out io.Writer, r inventory.RollbackOptions) error {
	p := newPrinter(out)
	switch {
	case r.OK:
		p.Line("%s  %s %s", terminal.Good().Render("can roll back"), r.Service, r.Env)
	case len(r.Candidates) == 0:
		p.Line("%s  %s %s: no earlier deploy of it was proven", terminal.Bad().Render("nothing to roll back to"), r.Service, r.Env)
	case slices.ContainsFunc(r.Candidates, func(c inventory.Candidate) bool { return c.Registry == inventory.UnknownThere }):
		p.Line("%s  %s %s: not every question was answered", terminal.Bad().Render("cannot tell"), r.Service, r.Env)
	default:
		p.Line("%s  %s %s", terminal.Bad().Render("nothing to roll back to"), r.Service, r.Env)
	}
	p.Field("running now", "%s", r.Running.Text)
	for _, c := range r.Candidates {
		mark, reason := terminal.Mark(c.Command != ""), "not"
		if c.Runs {
			mark, reason = "•", "is"
		}
		p.Line("%s %s  proven %s by %s", mark, c.Commit, plain.Stamp(c.Finished), c.Who)
		p.Field("receipt", "%s", c.Receipt)
		p.Field("stands", "%s%s", plain.Label(c.Standing), map[bool]string{true: ", newer than what runs"}[c.Newer])
		if c.Subject != "" {
			p.Field("subject", "%s", c.Subject)
		}
		if c.Why != "" {
			p.Field(reason, "%s", c.Why)
		}
		if c.Command == "" && !c.Runs {
			p.Field("proven was", "%s", c.Digest)
		}
		if c.Registry == inventory.MovedThere {
			p.Field("the tag names", "%s", c.Now)
		}
		if c.ByReceipt != "" {
			p.Field("registry", "%s", c.ByReceipt)
			p.Field("rests on", "its receipt, and the image that its host has by the digest")
		}
		if c.InEngine != nil {
			p.Field("in the engine", "%s", map[bool]string{true: "yes", false: "no"}[*c.InEngine])
		}
		if c.Bytes != nil {
			p.Field("to transfer", "%s", plain.Size(*c.Bytes))
		}
		if c.Command != "" {
			p.Typed("rollback", c.Command)
		}
	}
	if r.Hint != "" {
		p.Typed("by hand", r.Hint)
	}
	if p.Err != nil {
		return p.Err
	}
	return printUnasked(out, r.Unasked)
}
