package present

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Deployed answers with the result of a deploying command.
func Deployed(r contract.Result) Answer { return answer(exitCode(r), r, printResult) }

// Refused answers with an error that no command made a result of; as text it is two
// lines for stderr.
func Refused(r contract.Result) Answer { return answer(exitCode(r), r, printRefusal) }

func printRefusal(out io.Writer, r contract.Result) error {
	_, err := lipgloss.Fprintf(out, "%s %s (%s)\n", bad().Render("error:"), r.Failure.Message, r.Failure.Reason)
	if err == nil && r.Failure.Hint != "" {
		_, err = fmt.Fprintln(out, " ", r.Failure.Hint)
	}
	return err
}

// printResult writes the result of a deploying command.
func printResult(out io.Writer, r contract.Result) error {
	p := &printer{out: out}
	p.line("%s", headline(r))
	f := r.Failure
	if onlyGate(r) {
		f = nil // the gate has lines of its own
	}
	if f != nil {
		p.field("failed at", "%s (%s)", f.Step, f.Reason)
		p.field("because", "%s", indent(f.Message))
		if len(f.Logs) > 0 {
			p.field("its last lines", "%s", indent(strings.Join(f.Logs, "\n")))
		}
	}
	if r.DryRun {
		p.contract(r.Contract)
	}
	if r.Plan != nil && (r.Decision == contract.DecidedReady || r.Decision == contract.DecidedBlocked || onlyGate(r)) {
		p.plan(*r.Plan, r.Contract)
		p.gate(r.Contract, false)
		p.grant(r.Contract.Grant)
	}
	if r.Plan != nil {
		p.byReceipt(*r.Plan)
		p.field("provenance", "%s, %s", origin(r.Plan.Provenance), r.Plan.Provenance.Detail)
	}
	if r.Older {
		p.field("going back", "%s was proven earlier than the commit that was proven last", r.Contract.Commit.Short())
	}
	p.evidence(r)
	shape := catalog.Shape("")
	if r.Contract != nil {
		shape = r.Contract.Shape
	}
	p.scope(r.Scope, shape)
	if r.Running != "" {
		p.field("running now", "%s", r.Running)
	}
	if r.Bytes != nil {
		p.field("crossed", "%s", crossed(r))
	}
	if r.Receipt != nil {
		p.field("receipt", "%s (%s)", r.Receipt.ID, r.Receipt.Outcome)
	}
	p.warnings(r.Warnings)
	for i, hint := range r.Hints {
		p.field(fmt.Sprintf("hint %d", i+1), "%s", hint)
	}
	if f != nil {
		if f.Hint != "" {
			p.field("to mend", "%s", indent(f.Hint))
		}
		if f.Retry {
			p.field("again?", "the same command may succeed without any change")
		}
		p.field("next", "%s", f.Next)
	}
	if r.Plan != nil && !r.Plan.Next.IsZero() && (r.Decision == contract.DecidedReady || r.Decision == contract.DecidedStaged) {
		p.field("next", "%s", r.Plan.Next)
	}
	switch {
	case !r.OK && !r.DryRun && r.Decision != contract.DecidedDegraded || r.Rollback.IsZero():
	case !r.DryRun && !r.Rollback.Complete():
		p.field("to go back", "nothing was proven before")
	default:
		p.field("to go back", "%s", r.Rollback)
	}
	return p.err
}

// onlyGate reports whether the gate alone stands before what was looked at.
func onlyGate(r contract.Result) bool {
	return (r.DryRun || r.Plan != nil) && (r.Decision == contract.DecidedGated || r.Decision == contract.DecidedUnsupported) && r.Contract.Gate.Shut()
}

// ofDecision is the colour of what a command came to.
func ofDecision(r contract.Result) lipgloss.Style {
	switch {
	case r.OK:
		return good()
	case decisionCode(r.Decision) == ExitDegraded || decisionCode(r.Decision) == ExitBlocked:
		return warn()
	}
	return bad()
}

func headline(r contract.Result) string {
	head := ofDecision(r).Render(string(r.Decision))
	switch {
	case r.Contract != nil:
		head += fmt.Sprintf("  %s %s %s", r.Contract.Service, r.Contract.Env, r.Contract.Commit)
	case r.Receipt != nil:
		head += fmt.Sprintf("  %s %s %s", r.Receipt.Service, r.Receipt.Env, r.Receipt.Commit)
	case r.Service != "":
		head += fmt.Sprintf("  %s %s", r.Service, r.Env)
	}
	if r.Seconds > 0 {
		head += faint().Render(fmt.Sprintf("  %.1f s", r.Seconds))
	}
	return head
}

func crossed(r contract.Result) string {
	if host := besideTheRegistry(r.Contract); host != "" {
		return fmt.Sprintf("%s of control messages; the image of %s stayed on %s", plain.Size(r.Bytes.Received+r.Bytes.Sent), plain.Size(r.Bytes.Image), host)
	}
	return fmt.Sprintf("%s of an image of %s (%s needed)", plain.Size(r.Bytes.Received), plain.Size(r.Bytes.Image), plain.Size(r.Bytes.Needed))
}
