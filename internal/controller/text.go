package controller

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

var (
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green).Bold(true)
	warn  = lipgloss.NewStyle().Foreground(lipgloss.Yellow).Bold(true)
	bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
)

// printer writes a result for people.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = lipgloss.Fprintf(p.out, format+"\n", args...)
	}
}

func (p *printer) field(name, format string, args ...any) {
	p.line("  %-14s %s", name, indent(fmt.Sprintf(format, args...)))
}

// printResult writes the result of a deploying command.
func printResult(out io.Writer, r deploy.Result) error {
	p := &printer{out: out}
	p.line("%s", headline(r))
	if f := r.Failure; f != nil {
		p.field("failed at", "%s (%s)", f.Step, f.Reason)
		p.field("because", "%s", indent(f.Message))
		if len(f.Logs) > 0 {
			p.field("its last lines", "%s", indent(strings.Join(f.Logs, "\n")))
		}
	}
	if r.Decision == deploy.DecidedContract {
		p.contract(r.Contract)
	}
	if r.Plan != nil && (r.Decision == deploy.DecidedReady || r.Decision == deploy.DecidedBlocked) {
		p.plan(*r.Plan, r.Contract)
		p.gate(r.Contract, false)
		p.grant(r.Contract.Grant)
	}
	if r.Plan != nil {
		p.field("provenance", "%s, %s", origin(r.Plan.Provenance), r.Plan.Provenance.Detail)
	}
	if r.Older {
		p.field("going back", "%s was proven earlier than the commit that was proven last", r.Contract.Commit.Short())
	}
	p.evidence(r)
	p.scope(r.Scope)
	if r.Running != "" {
		p.field("running now", "%s", r.Running)
	}
	if r.Bytes != nil {
		p.field("crossed", "%s", crossed(r))
	}
	if r.Receipt != nil {
		p.field("receipt", "%s (%s)", r.Receipt.ID, r.Receipt.Outcome)
	}
	for i, hint := range r.Hints {
		p.field(fmt.Sprintf("hint %d", i+1), "%s", hint)
	}
	if f := r.Failure; f != nil {
		if f.Hint != "" {
			p.field("to mend", "%s", indent(f.Hint))
		}
		if f.Retry {
			p.field("again?", "the same command may succeed without any change")
		}
		p.field("next", "%s", f.Next)
	}
	if r.Plan != nil && r.Plan.Next != "" && r.Decision == deploy.DecidedReady {
		p.field("next", "%s", r.Plan.Next)
	}
	switch {
	case !r.OK && r.Decision != deploy.DecidedDegraded || r.Rollback == "":
	case r.Decision != deploy.DecidedContract && strings.Contains(r.Rollback, deploy.PreviousPlaceholder):
		p.field("to go back", "nothing was proven before")
	default:
		p.field("to go back", "%s", r.Rollback)
	}
	return p.err
}

// ofDecision is the colour of what a command came to.
func ofDecision(r deploy.Result) lipgloss.Style {
	switch {
	case r.OK:
		return good
	case decisionCode(r.Decision) == ExitDegraded || decisionCode(r.Decision) == ExitBlocked:
		return warn
	}
	return bad
}

func headline(r deploy.Result) string {
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
		head += faint.Render(fmt.Sprintf("  %.1f s", r.Seconds))
	}
	return head
}

func (p *printer) contract(c *deploy.Contract) {
	if c == nil {
		return
	}
	p.field("environment", "%s (%s)", c.Env, c.EnvSource)
	p.field("mode", "%s", c.Gate.Mode)
	p.gate(c, true)
	p.field("shape", "%s", c.Shape)
	p.field("registry", "%s", c.RegistryProbeURL)
	p.field("image", "%s", c.Image)
	for _, name := range sortedKeys(c.RequiredLabels) {
		p.field("label", "%s=%s", name, c.RequiredLabels[name])
	}
	p.field("target", "%s", indent(cmp.Or(strings.Join(c.Targets, "\n"), "none")))
	p.field("not touched", "%s", indent(strings.Join(c.ExcludedTargets, "\n")))
	if c.Shape == catalog.Infrastructure {
		return
	}
	p.field("tags", "%s", strings.Join(c.Target.Tags, ", "))
	p.field("deployments", "%s", cmp.Or(strings.Join(c.Deployments, ", "), "none"))
	if c.Shape == catalog.K3s {
		p.field("stamps", "%s", indent(strings.Join(append(slices.Clone(c.EnvKeys), c.Annotations...), "\n")))
		if a := c.AuthSync; a != nil {
			p.field("auth sync", "config.json's %s, before the rollout\n%s to secret %s\nevery other key to configmap %s",
				a.From, strings.Join(a.Credentials, ", "), a.Secret, a.ConfigMap)
		}
		p.field("asks", "%s", c.Target.ServiceProxy)
	} else {
		p.field("runs", "%s", c.Target.Command)
		p.field("env file", "%s", envFile(c))
		p.field("writes there", "%s", indent(strings.Join(c.EnvKeys, "\n")))
		p.field("shown by", "the service's environment, each under its own name, and its labels")
		p.field("needs there", "%s", indent(cmp.Or(strings.Join(c.RequiredSecrets, "\n"), "none")))
	}
	p.field("health", ":%d%s, %s, equal for %s, within %s", c.Health.Port, c.Health.Path, c.Health.Witness, c.Health.Stable, c.Health.Timeout)
	if len(c.Health.Flags) > 0 {
		p.field("must be true", "%s", strings.Join(c.Health.Flags, "\n"))
	}
}

// gate writes what stands before a live deploy, if anything does.
// dry says that the dry run itself is being told.
func (p *printer) gate(c *deploy.Contract, dry bool) {
	if c == nil || c.Gate.Code == "" {
		return
	}
	p.field("gate", "%s: %s", warn.Render(string(c.Gate.Code)), c.Gate.Why)
	if r := c.Gate.Next; !dry || !strings.HasSuffix(r, " --dry-run") { // this is that one
		p.field("next", "%s", r)
	}
	if c.Statement != "" {
		p.field("to sign", "%s", indent(strings.TrimRight(c.Statement, "\n")))
		p.field("as grant.txt", "%s -o json | jq -j .contract.statement > grant.txt", deploy.Command(c.Service, c.Env, c.Commit.String(), "--dry-run"))
		p.field("signed by", "%s", indent(strings.Join(grant.Commands(), "\n")))
	}
}

func (p *printer) grant(g *grant.Grant) {
	if g != nil {
		p.field("grant", "by %s (%s), nonce %s", g.Signer, g.Key, g.Nonce)
	}
}

func envFile(c *deploy.Contract) string {
	if c.Target.Host != catalog.Master {
		return "placed by " + c.Target.Host + "'s " + c.EnvFile
	}
	return "named by config.json's " + c.EnvFile
}

func (p *printer) plan(plan deploy.Plan, c *deploy.Contract) {
	p.field("manifest", "%s", plan.Manifest)
	p.field("config", "%s", plan.Config)
	p.field("image", "%s, %s, %s", counted(plan.Layers, "layer"), size(plan.Bytes), plan.Platform)
	if plan.Unseen == "" { // else nothing is brought anywhere
		p.field("would cross", "%s", wouldCross(plan, c))
	}
	p.field("not touched", "%s", indent(strings.Join(c.ExcludedTargets, "\n")))
	if plan.AlreadyLive {
		p.field("live already", "this commit runs; --run-now would prove it and change nothing")
	}
	for _, c := range plan.Checks {
		if !c.OK && plan.AlreadyLive && c.Name != "provenance" {
			p.field("check", "%s %s %s", warn.Render("!"), c.Name, faint.Render(indent(c.Detail)+" (not needed now: nothing would be recreated)"))
			continue
		}
		if c.Name == "provenance" && c.OK {
			continue // it has a line of its own
		}
		p.field("check", "%s %s %s", mark(c.OK), c.Name, faint.Render(indent(c.Detail)))
	}
}

// besideTheRegistry names the host that takes the image from the registry without
// the master's line, if it is one.
func besideTheRegistry(c *deploy.Contract) string {
	if c == nil || c.Shape != catalog.D601Compose {
		return ""
	}
	return c.Target.Host
}

func wouldCross(plan deploy.Plan, c *deploy.Contract) string {
	if host := besideTheRegistry(c); host != "" {
		return "control messages only; " + host + "'s engine takes the image from the registry beside it"
	}
	return counted(plan.Need.Layers, "layer") + ", " + size(plan.Need.Bytes)
}

func crossed(r deploy.Result) string {
	if host := besideTheRegistry(r.Contract); host != "" {
		return fmt.Sprintf("%s of control messages; the image of %s stayed on %s", size(r.Bytes.Received+r.Bytes.Sent), size(r.Bytes.Image), host)
	}
	return fmt.Sprintf("%s of an image of %s (%s needed)", size(r.Bytes.Received), size(r.Bytes.Image), size(r.Bytes.Needed))
}

func (p *printer) scope(s *deploy.Scope) {
	switch {
	case s == nil:
	case !s.Observed:
		p.field("scope", "%s", "not observed: "+s.Note)
	case len(s.Disturbed) == 0:
		p.field("scope", "no other container of the engine was touched")
	}
	if s != nil {
		for _, d := range s.Disturbed {
			p.field("disturbed", "%s %s", warn.Render("!"), d.Detail)
		}
	}
}

func (p *printer) evidence(r deploy.Result) {
	if n := len(r.Evidence); n > 0 {
		held := 0
		for _, f := range r.Evidence {
			if f.OK {
				held++
			}
		}
		p.field("evidence", "%d of %d findings hold%s", held, n, faint.Render("  (-o json shows each)"))
	}
	for _, f := range r.Evidence {
		if !f.OK {
			p.field("", "%s %s is %s, want %s", findingMark(f), f.Check, cmp.Or(f.Got, "none"), f.Want)
		}
	}
	for _, w := range r.Witnesses {
		p.field("witness", "%s", w)
	}
}

func origin(v provenance.Verdict) string {
	style := warn
	switch v.Status {
	case provenance.Verified:
		style = good
	case provenance.Contradicted:
		style = bad
	}
	return style.Render(string(v.Status))
}

func findingMark(f proof.Finding) string {
	if f.Degrades {
		return warn.Render("!")
	}
	return mark(f.OK)
}

func mark(ok bool) string {
	if ok {
		return good.Render("✓")
	}
	return bad.Render("✗")
}

// rows writes a table.
func rows(out io.Writer, head []string, lines [][]string) error {
	t := table.New().Headers(head...).Rows(lines...).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).BorderColumn(false).
		StyleFunc(func(row, _ int) lipgloss.Style {
			return lipgloss.NewStyle().Bold(row == table.HeaderRow).PaddingRight(2)
		})
	for line := range strings.Lines(t.Render()) {
		if _, err := lipgloss.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// counted is a number of things that are named one of them.
func counted(n int, one string) string { return plain.Count(n, one) }

// size is a number of bytes for people.
func size(n int64) string { return plain.Size(n) }

// indent keeps the lines of a value under it, so that none passes for a field of its
// own; those that are there already stay.
func indent(s string) string {
	under := "\n" + strings.Repeat(" ", 17)
	return strings.ReplaceAll(strings.ReplaceAll(s, under, "\n"), "\n", under)
}

// wrapped breaks a sentence into lines that fit beside a field's name.
func wrapped(s string) string { return lipgloss.Wrap(s, 83, "") }

func printRecovered(out io.Writer, done []deploy.Recovery) error {
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
		return warn.Render("unreached") + fmt.Sprintf("  %s %s and whatever else runs there: its host ends by itself what nobody settles", one.Service, one.Env)
	case deploy.Busy:
		return warn.Render("busy") + fmt.Sprintf("  %s %s: a run that goes on has it", one.Service, one.Env)
	default:
		return bad.Render("failed") + fmt.Sprintf("  to end the change of %s %s to %s", one.Service, one.Env, one.Commit)
	}
}
