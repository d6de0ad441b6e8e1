package store

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// releases is how many commits of a repository have copies of their layers: the commit that
// is deployed next, the commit before it, and a commit that was never deployed.
const releases = 3

// release is a commit of a repository, as far as a keeper needs to know it.
type release struct {
	commit artifact.Commit
	built  time.Time
	// seen counts the walks: a commit that came later is newer, if builders state no time.
	seen   int
	layers []artifact.Layer
	// again is when a commit without an image is asked for again; zero if it has an image.
	again time.Time
}

// newer orders releases, the newest first.
func newer(a, b release) int {
	return cmp.Or(b.built.Compare(a.built), cmp.Compare(b.seen, a.seen), strings.Compare(a.commit.String(), b.commit.String()))
}

// wish is a layer that is to have a copy, and the place of its blob.
type wish struct {
	repository artifact.Repository
	layer      artifact.Layer
}

// wanted returns the layers that are to have a copy, each once, in the order of their
// worth: those of each repository's newest release first. Layers of a size that no copy
// has are left out.
func wanted(newest map[artifact.Repository][]release) (wishes []wish) {
	type ranked struct {
		repository artifact.Repository
		rank       int
		release
	}
	var all []ranked
	for repository, list := range newest {
		for rank, r := range list {
			all = append(all, ranked{repository, rank, r})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), newer(a.release, b.release), strings.Compare(a.repository.String(), b.repository.String()))
	})
	seen := map[artifact.Digest]bool{}
	for _, r := range all {
		for _, l := range r.layers {
			if !seen[l.DiffID] && l.Size <= maxContent {
				wishes = append(wishes, wish{r.repository, l})
			}
			seen[l.DiffID] = true
		}
	}
	return wishes
}

// matches reports whether a repository is of those that agent.yaml lists: by its name, or
// by the beginning of it if that ends in a slash.
func matches(list []string, repository artifact.Repository) bool {
	return slices.ContainsFunc(list, func(one string) bool {
		return one == repository.String() || strings.HasSuffix(one, "/") && strings.HasPrefix(repository.String(), one)
	})
}
