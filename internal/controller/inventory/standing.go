package inventory

import (
	"context"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// Know adds to each artifact of the shelves how it stands in the environments in which its
// service is live, and the subject of its commit. Without the receipts nothing is added, and
// the error is why. The order of the shelves stays.
func Know(ctx context.Context, config site.Config, rows []catalog.Row, list []Shelf) error {
	l := ledger.Open(config.LedgerDir())
	for i, row := range rows {
		receipts, err := l.History(0, row.Service.String())
		if err != nil {
			return err
		}
		commits := make([]artifact.Commit, len(list[i].Artifacts))
		for k, one := range list[i].Artifacts {
			commits[k] = one.Commit
		}
		subjects := config.Subjects(ctx, row.Source, commits)
		for k := range list[i].Artifacts {
			one := &list[i].Artifacts[k]
			one.Subject = subjects[one.Commit]
			for _, env := range artifact.Envs() {
				if row.Environment(env).Mode != catalog.Live {
					continue
				}
				if one.Standing == nil {
					one.Standing = map[artifact.Env]ledger.Standing{}
				}
				one.Standing[env] = ledger.StandingOf(receipts, env, one.Commit, one.Digest)
			}
		}
	}
	return nil
}

// Past is a receipt, and what is known of its commit now.
type Past struct {
	ledger.Receipt
	// Standing is how the image stands now.
	Standing ledger.Standing `json:"standing"`
	// Subject is that of the commit, "" if no copy of its source knows it.
	Subject string `json:"subject,omitempty"`
}

// Recall adds to receipts what is known of their commits now, by all receipts of
// their services. A service that is not in the catalog, which may be nil, has no source.
func Recall(ctx context.Context, config site.Config, services *catalog.Catalog, receipts, all []ledger.Receipt) []Past {
	of, commits := map[string][]ledger.Receipt{}, map[string][]artifact.Commit{}
	for _, r := range all {
		of[r.Service.String()] = append(of[r.Service.String()], r)
	}
	source := func(service artifact.ServiceID) string {
		if services == nil {
			return ""
		}
		row, _ := services.Row(service.String())
		return row.Source
	}
	for _, r := range receipts {
		if from := source(r.Service); from != "" && !slices.Contains(commits[from], r.Commit) {
			commits[from] = append(commits[from], r.Commit)
		}
	}
	subjects := map[string]map[artifact.Commit]string{}
	for from, list := range commits {
		subjects[from] = config.Subjects(ctx, from, list)
	}
	past := make([]Past, len(receipts))
	for i, r := range receipts {
		past[i] = Past{r, ledger.StandingOf(of[r.Service.String()], r.Env, r.Commit, r.Image.Manifest), subjects[source(r.Service)][r.Commit]}
	}
	return past
}
