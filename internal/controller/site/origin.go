package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/source"
)

// Remotes are those of the configured sources.
func (c Config) Remotes() (map[string]source.Remote, error) {
	remotes := map[string]source.Remote{}
	var faults []error
	for _, url := range slices.Sorted(maps.Keys(c.Sources)) {
		remote, err := source.ParseRemote(cmp.Or(c.Sources[url], url))
		if err != nil {
			faults = append(faults, fmt.Errorf("sources.%s: %w", source.Shown(url), err))
		}
		remotes[url] = remote
	}
	return remotes, errors.Join(faults...)
}

// remotesFor are the remotes to ask, for a command that acts or only reads.
func (c Config) remotesFor(access Access) (*source.Remotes, error) {
	remotes, err := c.Remotes()
	if err != nil {
		return nil, err
	}
	sources := source.New(filepath.Join(c.State, "sources-"+strconv.Itoa(os.Geteuid())), remotes, source.Patience)
	if access == Reading {
		sources.Reading()
	}
	return sources, nil
}

// Subjects returns the subjects of those commits of a source that its copy here knows; none
// if the source is not configured. It asks no remote.
func (c Config) Subjects(ctx context.Context, of string, commits []artifact.Commit) map[artifact.Commit]string {
	sources, err := c.remotesFor(Reading)
	if err != nil {
		return nil
	}
	defer func() { _ = sources.Close() }()
	return sources.Subjects(ctx, of, commits)
}

// origins implements [resolve.Provenance]: by the producer's summaries and, if it is
// configured, by the remote of the source.
type origins struct {
	summaries string
	sources   *source.Remotes
}

// Judge implements [resolve.Provenance].
func (o origins) Judge(ctx context.Context, want provenance.Wanted) provenance.Verdict {
	verdict := provenance.Look(o.summaries, want)
	if on, configured := o.sources.Look(ctx, want.Source, want.Commit); configured {
		on.Fix = remedy.Text(on.Fix)
		verdict = verdict.And(on)
	}
	return verdict
}
