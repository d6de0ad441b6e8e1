package deploy

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
)

// WantsGrant reports whether a supervisor's grant is what opens the gate.
func (c Contract) WantsGrant() bool {
	return c.Gate.Code == catalog.SupervisorRequired && c.Gate.Mode == catalog.Live
}

// Granted is the contract with a grant in hand, which was verified for exactly it.
func (c Contract) Granted(g grant.Grant) Contract {
	c.Grant, c.asked.Granted, c.Statement = &g, true, ""
	c.Gate = Judge(c.row, c.Env, c.asked)
	return c
}

// Ungranted is the result of a grant that does not open the gate: nothing was
// contacted.
func Ungranted(c Contract, err error) Result {
	r := Gated(c)
	r.fail(DecidedGated, r.Failure.Step, err)
	r.Failure.Next = c.toSign()
	return r
}

// grantUsed refuses a grant that was used before where the run would begin a
// change by it, so that nothing is staged in vain. What an earlier run of the same
// commit left is gone on with: it may be what used the grant.
func (r *deployment) grantUsed(plan Plan) error {
	if r.Grant == nil || r.seen.Pending != nil || plan.AlreadyLive && !r.force {
		return nil
	}
	return r.GrantUsed(*r.Grant)
}

// useGrant uses the grant up: for a new change, and not for going on with one. It
// is the last thing before the switch.
func (r *deployment) useGrant() error {
	if r.Grant == nil || r.seen.Pending != nil {
		return nil
	}
	return r.UseGrant(*r.Grant, r.holder())
}

// unusable ends a pass whose grant was used before, or expired meanwhile. Nothing
// that runs was touched, so there is no scope to tell of.
func (r *deployment) unusable(err error) Result {
	r.result.Scope = nil
	if reason := fault.ReasonOf(err); reason == fault.LedgerUnavailable || reason == fault.DiskFull {
		return r.refused(DecidedFailed, err)
	}
	r.refused(DecidedGated, err)
	r.result.Failure.Next = r.toSign()
	return r.result
}

// toSign is the dry run, which prints what a supervisor signs.
func (c Contract) toSign() string { return Command(c.Service, c.Env, c.Commit.String(), "--dry-run") }
