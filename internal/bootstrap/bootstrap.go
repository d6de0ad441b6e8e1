// Package bootstrap puts the agent on a host that has nothing but ssh and sudo, and
// upgrades the agent of a host that has it. It reads the host's facts, plans from them,
// and lets a fixed script do it; it is idempotent. On a node of k3s it gives the agent
// what it needs in the cluster, too, and deletes nothing there.
//
// It refuses a host whose agent came from a package, has no systemd, or is of an
// architecture that no agent is built for. The danger is twofold. What it types runs as
// root: so both scripts are constants, into which no value is ever written, and what
// varies crosses as files whose hashes are checked before anything is touched. And the
// host may be left without an agent: so what was there is kept until the new agent has
// answered by the way that deploys take, and is restored when it does not.
package bootstrap

import (
	"cmp"
	"context"
	_ "embed" // the script that acts
	"errors"
	"fmt"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

//go:embed apply.sh
var applyScript string

// Exit codes of apply.sh.
const (
	exitDamaged    = 65
	exitNoCluster  = 68
	exitUnfit      = 69
	exitNotRunning = 70
	exitInTheWay   = 73
	exitNoRoom     = 74
	exitBusy       = 75
	exitNotRoot    = 77
)

// Host is a host to be given an agent.
type Host struct {
	// Shell runs a command there.
	Shell Shell
	// Ask asks the agent by the way that deploys take.
	Ask func(ctx context.Context) (rpc.Description, error)
	// Binary finds the agent for the hardware that the host reports.
	Binary func(uname string) (Binary, error)
	// Config is for the first agent.yaml.
	Config FirstConfig
	// Cluster are the objects that the agent needs in the host's cluster, none if the
	// catalog has no service in it.
	Cluster []rights.Object
	// Local is true if commands run on this machine, in a login that goes on.
	Local bool
	// Say receives each step of [Failure] as it begins, and what it does; it may be nil.
	Say func(step, does string)
	// Patience is how long a new agent may take to answer; 0 means 20 s.
	Patience time.Duration
}

// Decision is what a bootstrap came to.
type Decision string

// The decisions.
const (
	// Ready: a dry run; the acts that change something would be done.
	Ready Decision = "ready"
	// Unchanged: the agent answers and there was nothing to do.
	Unchanged Decision = "unchanged"
	// Succeeded: the acts are done and the agent answers.
	Succeeded Decision = "succeeded"
	// Blocked: the host is not fit; nothing was touched.
	Blocked Decision = "blocked"
	// Reverted: the new agent did not answer, the previous agent is back.
	Reverted Decision = "reverted"
	// Failed: the failure describes what there is now.
	Failed Decision = "failed"
)

// Result is what a bootstrap answers.
type Result struct {
	OK       bool     `json:"ok"`
	Decision Decision `json:"decision"`
	// Changes counts what was changed, or would be by a dry run.
	Changes int   `json:"changes"`
	Acts    []Act `json:"acts"`
	// Agent is the agent's description of itself at the end.
	Agent *rpc.Description `json:"agent,omitempty"`
	// ToDo is what only a person can do.
	ToDo    []string `json:"toDo,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// Failure is an error as a result carries it.
type Failure struct {
	// Step is look, plan, apply, ask or cluster.
	Step string `json:"step"`
	fault.Report
	// Now is what the host has now.
	Now string `json:"now"`
}

const untouched = "the host is as it was"

func (r *Result) fail(d Decision, step string, err error, now string) {
	r.OK, r.Decision = false, d
	r.Failure = &Failure{Step: step, Report: remedy.Report(err), Now: now}
}

// Run does it; a dry run returns what it would do.
func (h Host) Run(ctx context.Context, dryRun bool) (r Result) {
	r.Acts = []Act{}
	h.say("look", "what the host has and may do")
	facts, err := Look(ctx, h.Shell)
	if err != nil {
		d := Failed
		if fault.ReasonOf(err) == fault.Unsupported {
			d = Blocked
		}
		r.fail(d, "look", err, untouched)
		return r
	}
	if err := h.lookAtCluster(ctx, &facts); err != nil {
		r.fail(Failed, "look", err, untouched)
		return r
	}
	p, plan, err := h.plan(facts)
	if err != nil {
		r.fail(Blocked, "plan", err, untouched)
		return r
	}
	if dryRun {
		r.OK, r.Decision, r.Acts, r.Changes, r.ToDo = true, Ready, plan.Acts, plan.Changes(), h.Config.toDo(facts)
		if h.Config.Role != "" && facts.Files[configPath] != fileAbsent { // its agent has a role for the account
			if agent, err := h.Ask(ctx); err == nil {
				r.ToDo = append(r.ToDo, h.Config.role(facts.Account, agent.CallerRole)...)
			}
		}
		return r
	}
	does := "the program there stays; files, group and units as they should be"
	if p.agent != nil {
		does = plain.Size(int64(len(p.agent))) + " of program are sent; then files, group and units"
	}
	h.say("apply", does)
	h.apply(ctx, &r, p)
	if r.Failure == nil {
		h.say("ask", "the agent, by the way that deploys take")
		h.prove(ctx, &r, p, facts)
	}
	if r.OK {
		h.grant(ctx, &r, p, facts)
	}
	if r.OK {
		r.ToDo = append(r.ToDo, h.Config.toDo(facts)...)
	}
	return r
}

func (h Host) say(step, does string) {
	if h.Say != nil {
		h.Say(step, does)
	}
}

func (h Host) plan(facts Facts) (parcel, Plan, error) {
	if err := facts.Fit(); err != nil {
		return parcel{}, Plan{}, err
	}
	binary, err := h.Binary(facts.Machine)
	if err != nil {
		return parcel{}, Plan{}, err
	}
	files := packaging.Files()
	plan, err := NewPlan(facts, binary, files)
	if err != nil {
		return parcel{}, Plan{}, err
	}
	p := parcel{sha256: binary.SHA256, config: h.Config.render(facts.Account), files: files, sudo: !facts.root(), cluster: h.Cluster}
	if !facts.root() {
		p.account = facts.Account
	}
	if plan.Upload {
		p.agent = binary.Content
	}
	return p, plan, nil
}

// act lets the script do one act, and notes what the script reports.
func (h Host) act(ctx context.Context, p parcel, a act) (said, error) {
	argv := []string{"sh", "-c", applyScript}
	if p.sudo {
		argv = append([]string{"sudo", "-n", "--"}, argv...)
	}
	p.act = a
	out, err := h.Shell(ctx, argv, p.pack())
	return parseSaid(out), explain(err)
}

func (h Host) apply(ctx context.Context, r *Result, p parcel) {
	s, err := h.act(ctx, p, actApply)
	r.Acts = append(r.Acts, s.acts...)
	switch {
	case err == nil:
		r.Changes += changes(s.acts)
	case errors.As(err, new(*tunnel.ExitError)):
		// The script ends in what was there before, by itself.
		r.Acts = []Act{}
		switch {
		case s.failed:
			r.fail(Failed, "apply", err, "the agent from before is back in its place and does not start either; on the host: journalctl -u unidesk-agent")
		case s.restored:
			r.fail(Reverted, "apply", err, "the agent from before runs again")
		default:
			r.fail(Failed, "apply", err, untouched)
		}
	default:
		// Cut off. The script goes to an end, which is not known yet.
		h.takeBack(ctx, r, p, "apply", err)
	}
}

// prove asks the agent and settles: the old agent goes only after the new agent has
// answered, and is what was sent.
func (h Host) prove(ctx context.Context, r *Result, p parcel, facts Facts) {
	agent, err := h.answer(ctx)
	switch {
	case err == nil:
		r.Agent, r.ToDo = &agent, h.Config.role(facts.Account, agent.CallerRole)
	case fault.ReasonOf(err) != fault.RoleMissing:
		h.takeBack(ctx, r, p, "ask", err)
		return
	case h.Local && !facts.root() && !facts.Member:
		r.ToDo = append(r.ToDo, fmt.Sprintf("log in again as %s: this login began before the account was in the group %s", facts.Account, group))
	default:
		// A refusal is an answer: the agent runs, and its agent.yaml is root's to edit.
		r.ToDo = append(r.ToDo, fmt.Sprintf("on the host, as root: add %s to roles.%s in %s, then systemctl restart unidesk-agent",
			facts.Account, cmp.Or(h.Config.Role, rpc.RoleAdmin), configPath))
	}
	if _, err := h.act(ctx, p, actKeep); err != nil {
		h.takeBack(ctx, r, p, "ask", err)
		return
	}
	r.OK, r.Decision = true, Succeeded
	if r.Changes == 0 {
		r.Decision = Unchanged
	}
}

// answer gives a new agent a while to answer.
func (h Host) answer(ctx context.Context) (rpc.Description, error) {
	patience := h.Patience
	if patience == 0 {
		patience = 20 * time.Second
	}
	until := time.Now().Add(patience)
	for {
		d, err := h.Ask(ctx)
		if err == nil || !fault.Retryable(err) || time.Now().After(until) {
			return d, err
		}
		select {
		case <-ctx.Done():
			return d, err
		case <-time.After(time.Second):
		}
	}
}

// takeBack restores what was there, if anything was, even if ctx has ended.
func (h Host) takeBack(ctx context.Context, r *Result, p parcel, step string, because error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	s, err := h.act(ctx, p, actRestore)
	switch {
	case err != nil:
		r.fail(Failed, step, because, "not known: bringing back the agent from before failed, too: "+err.Error())
	case s.restored:
		r.fail(Reverted, step, because, "the agent from before runs again")
	case step == "apply":
		r.fail(Failed, step, because, "nothing had been replaced; the same command goes on from there")
	case r.Changes == 0:
		r.fail(Failed, step, because, "nothing was changed; on the host: journalctl -u unidesk-agent")
	default:
		r.fail(Failed, step, because, "the new agent is in place, there was none before; on the host: journalctl -u unidesk-agent")
	}
}
