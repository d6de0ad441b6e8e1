package layers

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const (
	releasesName = "releases.json"
	// releasesEach and releasesAll bound how many releases of a repository, and of all,
	// are remembered.
	releasesEach, releasesAll = 4, 512
	// worthABase is the size of a tar that can save more than its name costs.
	worthABase = 4 << 10
)

// release is an image that was staged: which layers it has, in their order.
type release struct {
	Repository string            `json:"repository"`
	Staged     time.Time         `json:"staged"`
	Layers     []artifact.Digest `json:"layers"` // diff ids
}

// releases are those of which the cache has a layer, newest first. A record that cannot be
// read is as good as none: bases are chosen worse then.
func (c *Cache) releases() (list []release) {
	b, err := statefile.Read(filepath.Join(c.dir, releasesName))
	if err != nil || json.Unmarshal(b, &list) != nil {
		return nil
	}
	return list
}

// Remember records that an image of the repository with these diff ids is staged.
func (c *Cache) Remember(repo artifact.Repository, diffIDs []artifact.Digest, at time.Time) error {
	has := map[artifact.Digest]bool{}
	for _, e := range c.entries() {
		has[e.digest] = true
	}
	list := remember(c.releases(), release{repo.String(), at.UTC(), diffIDs}, func(d artifact.Digest) bool { return has[d] })
	if len(list) == 0 {
		return nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := statefile.Replace(filepath.Join(c.dir, releasesName), b, 0o600); err != nil {
		return c.broken("record a release", err)
	}
	return nil
}

// remember puts a release before the others, and drops those that are of no use any more.
func remember(list []release, now release, has func(artifact.Digest) bool) (kept []release) {
	count := map[string]int{}
	for i, r := range append([]release{now}, list...) {
		again := i > 0 && r.Repository == now.Repository && slices.Equal(r.Layers, now.Layers)
		if again || !slices.ContainsFunc(r.Layers, has) || count[r.Repository] == releasesEach || len(kept) == releasesAll {
			continue
		}
		count[r.Repository]++
		kept = append(kept, r)
	}
	return kept
}

// Wanted is a layer that a base is looked for.
type Wanted struct {
	Position int // in the image, from 0
	DiffID   artifact.Digest
}

// Bases returns the diff ids of the tars that may resemble what is wanted of an image of the
// repository, at most [delta.MaxBases], the likeliest first.
func (c *Cache) Bases(repo artifact.Repository, wanted []Wanted) []artifact.Digest {
	entries := oldestFirst(c.entries())
	slices.Reverse(entries)
	var have []artifact.Digest
	for _, e := range entries {
		if filepath.Ext(e.path) == "" && e.size >= worthABase {
			have = append(have, e.digest)
		}
	}
	if len(have) == 0 || len(wanted) == 0 {
		return nil
	}
	return bases(repo.String(), wanted, c.releases(), have)
}

// bases chooses among the tars that there are, newest first: those at the wanted positions
// of the repository's last release, then the others of its releases, then those of the last
// release of each other repository, then any. Some places are left for other repositories:
// services share base images, and another service may have the new base image already.
func bases(repo string, wanted []Wanted, releases []release, have []artifact.Digest) []artifact.Digest {
	free := map[artifact.Digest]bool{}
	for _, d := range have {
		free[d] = true
	}
	for _, w := range wanted {
		delete(free, w.DiffID)
	}
	var chosen []artifact.Digest
	choose := func(most int, list ...artifact.Digest) {
		for _, d := range list {
			if free[d] && len(chosen) < most {
				delete(free, d)
				chosen = append(chosen, d)
			}
		}
	}
	mine, others := split(releases, repo)
	if len(mine) > 0 {
		for _, w := range wanted {
			if w.Position < len(mine[0].Layers) {
				choose(delta.MaxBases, mine[0].Layers[w.Position])
			}
		}
	}
	const own = delta.MaxBases * 3 / 4
	for _, r := range mine {
		choose(own, r.Layers...)
	}
	for _, r := range others {
		choose(delta.MaxBases, r.Layers...)
	}
	for _, r := range mine {
		choose(delta.MaxBases, r.Layers...)
	}
	choose(delta.MaxBases, have...)
	return chosen
}

// split returns the releases of the repository, and the last release of each other.
func split(releases []release, repo string) (mine, others []release) {
	seen := map[string]bool{repo: true}
	for _, r := range releases {
		if r.Repository == repo {
			mine = append(mine, r)
		} else if !seen[r.Repository] {
			others = append(others, r)
		}
		seen[r.Repository] = true
	}
	return mine, others
}
