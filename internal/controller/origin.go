package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
)

// remotes are those of the configured sources.
func (c Config) remotes() (map[string]source.Remote, error) {
	remotes := map[string]source.Remote{}
	var faults []error
	for _, url := range sortedKeys(c.Sources) {
		remote, err := source.ParseRemote(cmp.Or(c.Sources[url], url))
		if err != nil {
			faults = append(faults, fmt.Errorf("sources.%s: %w", source.Shown(url), err))
		}
		remotes[url] = remote
	}
	return remotes, errors.Join(faults...)
}

// origins implements [deploy.Provenance]: by the producer's summaries and, if it is
// configured, by the remote of the source.
type origins struct {
	summaries string
	sources   *source.Remotes
}

func (c Config) origin() (origins, error) {
	remotes, err := c.remotes()
	if err != nil {
		return origins{}, err
	}
	return origins{c.Summaries, source.New(filepath.Join(c.State, "sources"), remotes, source.Patience)}, nil
}

func (o origins) Judge(ctx context.Context, want provenance.Wanted) provenance.Verdict {
	verdict := provenance.Look(o.summaries, want)
	if on, configured := o.sources.Look(ctx, want.Source, want.Commit); configured {
		verdict = verdict.And(on)
	}
	return verdict
}
