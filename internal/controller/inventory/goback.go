package inventory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Newest returns the newest commit that can be gone back to, is not newer than what runs, and
// did not fail since. If there is none, it returns the error of a question that was not answered, which may pass,
// or RECEIPT_NOT_FOUND.
func (o RollbackOptions) Newest() (artifact.Commit, error) {
	i := slices.IndexFunc(o.Candidates, func(c Candidate) bool { return c.Command != "" && c.Standing != ledger.RolledBack && !c.Newer })
	if i >= 0 {
		return o.Candidates[i].Commit, nil
	}
	if len(o.Unasked) > 0 {
		u := o.Unasked[0]
		f := fault.New(u.Reason, "which commit %s can roll back to is not known: %s", o.Service, u.Message)
		f.Retry = u.Retry
		return artifact.Commit{}, f.WithHint("%s", u.Hint)
	}
	why := make([]string, 0, len(o.Candidates))
	for _, c := range o.Candidates {
		reason := cmp.Or(c.Why, "its last proof failed")
		if c.Newer && c.Why == "" && c.Standing != ledger.RolledBack {
			reason = "it is newer than what runs"
		}
		why = append(why, c.Commit.Short()+": "+reason)
	}
	return artifact.Commit{}, fault.New(fault.ReceiptNotFound, "%s has no commit to roll back to in %s: %s", o.Service, o.Env,
		cmp.Or(strings.Join(why, "; "), "no earlier deploy of it was proven")).
		WithHint("the list says what is left of each; `--run-now --to COMMIT` names one all the same")
}

// Proven returns RECEIPT_NOT_FOUND if no receipt proves the commit in the environment.
func Proven(config site.Config, service artifact.ServiceID, env artifact.Env, commit artifact.Commit) error {
	commits, err := ledger.Open(config.LedgerDir()).Proven(env, service.String())
	if err != nil || slices.Contains(commits, commit) {
		return err
	}
	return fault.New(fault.ReceiptNotFound, "no receipt proves %s of %s in %s", commit.Short(), service, env).
		WithHint("the list has what was; a commit that never was is deployed, and not gone back to")
}
