// Package diff compares the commits that are wanted with those that were proven and with
// what runs. It changes nothing.
package diff

import (
	"context"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Sources are what is compared with.
type Sources struct {
	Ledger *ledger.Ledger
	// Workload returns a service's workload in an environment.
	Workload func(row catalog.Row, env artifact.Env) sight.Workload
}

// Compare compares each candidate. What cannot be read counts as different; the error is
// the ledger's.
func (s Sources) Compare(ctx context.Context, env artifact.Env, all []contract.Candidate) (contract.Comparison, error) {
	out := contract.Comparison{OK: true, Equal: true, Env: env, Services: []contract.Difference{}}
	for _, c := range all {
		one := contract.Difference{Service: c.Service, Wanted: c.Wanted}
		if c.Err != nil {
			one.Running, one.Note = workload.NotKnown("", "not known"), c.Err.Error()
		} else if err := s.difference(ctx, c.Contract, &one); err != nil {
			return out, err
		}
		out.Equal = out.Equal && one.Equal
		out.Services = append(out.Services, one)
	}
	return out, nil
}

func (s Sources) difference(ctx context.Context, c contract.Contract, one *contract.Difference) error {
	one.Wanted = c.Commit.String()
	receipts, err := s.Ledger.History(c.Env, c.Service.String())
	if err != nil {
		return err
	}
	proven := slices.DeleteFunc(receipts, func(r ledger.Receipt) bool { return !r.Kept() })
	if len(proven) > 0 {
		one.Proven = proven[0].Brief()
		if ledger.GoesBack(proven, c.Commit) {
			i := slices.IndexFunc(proven, func(r ledger.Receipt) bool { return r.Commit == c.Commit })
			one.Older, one.Note = true, "going back: this commit was proven earlier, at "+plain.Stamp(proven[i].Finished)
		}
	}
	w := s.Workload(c.Row(), c.Env)
	if w.Spec.Ref.IsZero() {
		one.Running, one.Note = workload.NotKnown(w.HostName, "not known"), c.Gate.Why
		return nil
	}
	seen, err := w.Look(ctx, false)
	if err != nil {
		one.Running, one.Note = workload.NotKnown(w.HostName, "not known"), "what runs could not be read: "+err.Error()
		return nil
	}
	if one.Running = w.Showed(seen); one.Running.Commit == "" || one.Running.Differs {
		one.Note = join(one.Note, one.Running.Text)
	}
	one.Equal = one.Wanted == one.ProvenCommit() && one.Wanted == one.Running.Commit
	return nil
}

func join(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}
