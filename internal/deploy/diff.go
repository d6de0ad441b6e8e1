package deploy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Diff compares; it changes nothing, and what cannot be read counts as different.
func (d *Deployer) Diff(ctx context.Context, env catalog.Env, all []contract.Candidate) (contract.Comparison, error) {
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
	receipts, err := d.Ledger.History(string(c.Env), one.Service)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(receipts, func(r ledger.Receipt) bool {
		return r.Outcome != ledger.Succeeded && r.Outcome != ledger.Degraded
	})
	if len(kept) > 0 {
		one.Proven = kept[0].Commit.String()
		if goesBack(kept, c.Commit) {
			i := slices.IndexFunc(kept, func(r ledger.Receipt) bool { return r.Commit == c.Commit })
			one.Older, one.Note = true, "going back: this commit was proven earlier ("+kept[i].Finished.Format(time.DateOnly)+")"
		}
	}
	e := c.Environment()
	if e.Target.Compose == nil {
		one.LiveUnknown, one.Note = true, c.Gate.Why
		return nil
	}
	spec := c.Row().Spec(c.Env, d.Project)
	seen, err := d.target(e.Target.Host).Observe(ctx, spec, false)
	if err != nil {
		one.LiveUnknown, one.Note = true, "what runs could not be read: "+err.Error()
		return nil
	}
	switch in := proof.Current(spec, seen); {
	case in == nil:
		one.Note = join(one.Note, "there is no container")
	case !in.Running:
		one.Note = join(one.Note, "its container is stopped")
	default:
		one.Live = in.Env[workload.KeyCommit]
	}
	one.Equal = one.Wanted == one.Proven && one.Wanted == one.Live
	return nil
}

func join(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}
