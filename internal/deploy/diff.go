package deploy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Diff compares; it changes nothing, and what cannot be read counts as different.
func (d *Deployer) Diff(ctx context.Context, env artifact.Env, all []contract.Candidate) (contract.Comparison, error) {
	out := contract.Comparison{OK: true, Equal: true, Env: env, Services: []contract.Difference{}}
	for _, c := range all {
		one := contract.Difference{Service: c.Service, Wanted: c.Wanted}
		if c.Err != nil {
			one.LiveUnknown, one.Note = true, c.Err.Error()
		} else if err := d.difference(ctx, c.Contract, &one); err != nil {
			return out, err
		}
		out.Equal = out.Equal && one.Equal
		out.Services = append(out.Services, one)
	}
	return out, nil
}

func (d *Deployer) difference(ctx context.Context, c contract.Contract, one *contract.Difference) error {
	one.Wanted = c.Commit.String()
	s := d.session(c.Row(), c.Env)
	receipts, err := s.history()
	if err != nil {
		return err
	}
	proven := slices.DeleteFunc(receipts, func(r ledger.Receipt) bool { return !r.Kept() })
	if len(proven) > 0 {
		one.Proven = proven[0].Commit.String()
		if ledger.GoesBack(proven, c.Commit) {
			i := slices.IndexFunc(proven, func(r ledger.Receipt) bool { return r.Commit == c.Commit })
			one.Older, one.Note = true, "going back: this commit was proven earlier ("+proven[i].Finished.Format(time.DateOnly)+")"
		}
	}
	if s.Spec.Ref.IsZero() {
		one.LiveUnknown, one.Note = true, c.Gate.Why
		return nil
	}
	seen, err := s.Look(ctx, false)
	if err != nil {
		one.LiveUnknown, one.Note = true, "what runs could not be read: "+err.Error()
		return nil
	}
	if one.Live = seen.Commit(); one.Live == "" || !seen.AsStamped() {
		one.Note = join(one.Note, s.Describe(seen))
	}
	one.Equal = one.Wanted == one.Proven && one.Wanted == one.Live
	return nil
}

func join(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}
