package deploy

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// grantUsed refuses a grant that was used before where the run would begin a
// change by it, so that nothing is staged in vain. What an earlier run of the same
// commit left is gone on with: it may be what used the grant.
func (r *deployment) grantUsed(plan contract.Plan) error {
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
func (r *deployment) unusable(err error) contract.Result {
	r.result.Scope = nil
	if fault.ReasonOf(err) == fault.LedgerUnavailable {
		return r.refused(contract.DecidedFailed, err)
	}
	r.refused(contract.DecidedGated, err)
	r.result.Failure.Next = r.ToSign()
	return r.result
}
