package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// DryRun answers with the contract alone. It names the way through the gate, or the
// plan if there is none.
func DryRun(c Contract) Result {
	if c.Gate.Empty() {
		return Gated(c)
	}
	r := Result{OK: true, DryRun: true, Decision: DecidedContract, Contract: &c, Rollback: c.Rollback}
	if c.Gate.Shut() {
		r.AtGate()
		if r.Failure.Next = c.Gate.Next; c.Gate.Next.Equal(c.ToSign()) { // it is this very command
			r.Failure.Next = c.Meant(DeployCommand(c.Service, c.Env, c.Commit.String()))
		}
	}
	return r
}

// Gated is the result of a command that ends at its gate: nothing was contacted.
func Gated(c Contract) Result {
	r := Result{Contract: &c, Rollback: c.Rollback, Running: workload.NotKnown(c.Target.Host, "not checked: the gate stops it before any host is asked")}
	r.AtGate()
	return r
}

// AtGate sets the decision and the failure of a command that its contract's gate stops.
func (r *Result) AtGate() {
	c := r.Contract
	r.Fail(c.Gate.decision(), workload.PointGuard, c.Gate.fault())
	r.Failure.Next = c.Gate.Next
	if c.WantsGrant() {
		r.Failure.Next = c.ToSign() // the gate's is for after that
	}
}

// Deprecated returns the only result that deploy-backend-core has.
func Deprecated(commit string) Result {
	r := Gated(Contract{Gate: Judge(catalog.Row{}, artifact.Prod, Asked{Entry: ByDeployBackendCore, Commit: commit})})
	r.Contract = nil
	return r
}

// Ungranted is the result of a grant that does not open the gate: nothing was
// contacted.
func Ungranted(c Contract, err error) Result {
	r := Gated(c)
	r.Fail(DecidedGated, r.Failure.Step, err)
	r.Failure.Next = c.ToSign()
	return r
}

// NoWayBack is the result of a rollback that finds no commit: nothing was begun.
func NoWayBack(service artifact.ServiceID, env artifact.Env, err error) Result {
	r := Result{Service: service.String(), Env: env}
	r.Fail(Obstacle(err), workload.PointGuard, err)
	r.Failure.Next = RollbackCommand(service.String(), env)
	return r
}

// Refused is the result of a request that was never begun.
func Refused(err error) Result {
	var r Result
	r.Fail(DecidedRefused, workload.PointGuard, err)
	if r.Failure.Next = nextOf(err); r.Failure.Next.IsZero() {
		r.Failure.Next = afterRefusal(r.Failure.Reason)
	}
	return r
}

func afterRefusal(reason fault.Reason) Command {
	switch reason {
	case fault.Usage:
		return Ours("--help")
	case fault.CommitNotPinned:
		return Ours("artifact-registry", "list")
	case fault.UnknownService, fault.Unsupported:
		return Ours("services")
	case fault.ReceiptNotFound, fault.WorkloadNotFound:
		return Ours("history")
	case fault.Interrupted:
		return RecoverCommand()
	}
	return Ours("doctor")
}

// Unsettled is the fault of a workload whose change is not settled.
func Unsettled(p *workload.Pending) error {
	if p.Barred != "" {
		return fault.New(fault.ChangePending, "a change to %s by %s, begun %s, was never confirmed, and this account cannot revert it",
			p.Change.Image.Commit.Short(), p.Change.Holder, plain.Stamp(p.Since)).
			HeldBy(p.Change.Holder, p.Change.Deadline).WithHint("%s", p.Barred).WithAction(fault.RecoverAsRoot)
	}
	if p.Failed != "" {
		return fault.New(fault.RevertFailed, "a change to %s by %s, begun %s, could not be reverted: %s",
			p.Change.Image.Commit.Short(), p.Change.Holder, plain.Stamp(p.Since), p.Failed).
			WithHint("`%s` tries again, and prints the commands to type on the host where that fails", RecoverCommand())
	}
	return fault.New(fault.ChangePending, "a change to %s by %s, begun %s, was never confirmed",
		p.Change.Image.Commit.Short(), p.Change.Holder, plain.Stamp(p.Since)).
		HeldBy(p.Change.Holder, p.Change.Deadline).
		WithHint("the same command for that commit proves it; `%s` reverts it", RecoverCommand())
}

// Held is the fault of a change whose run still lives, as far as its host knows.
func Held(p *workload.Pending) error {
	return fault.Transient(fault.ChangePending, "a run makes a change to %s (%s), and holds it until %s at least",
		p.Change.Image.Commit.Short(), p.Change.Holder, plain.Clock(p.HeldUntil)).
		HeldBy(p.Change.Holder, p.HeldUntil).
		WithHint("wait for it to end; if that run is known to be over, --take-over does not wait for its time")
}

// Early returns the result, before any configuration is read, of a command that the gate
// stops whatever the hosts report; else false. live: it would bring the commit live.
func Early(c Contract, live bool) (Result, bool) {
	if c.Gate.Empty() || live && c.Gate.Final() {
		return Gated(c), true
	}
	return Result{}, false
}
