// Package inventory knows what can be deployed, and to which place. It has the catalog's
// services, what the registry holds of each, what was proven before, and what a
// rollback can go back to. It asks hosts and changes nothing.
package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// lister lists what a registry's repository holds.
type lister interface {
	Tags(ctx context.Context, repo artifact.Repository) ([]rpc.Tag, error)
}

// unreachable is a registry that could not be asked, and why.
type unreachable struct{ err error }

// Tags implements lister.
func (u unreachable) Tags(context.Context, artifact.Repository) ([]rpc.Tag, error) { return nil, u.err }

// Unreachable is the registry whose host cannot be asked, because of err.
func Unreachable(err error) lister { return unreachable{err} }

// ListerOf connects to the registry's host, once for all that will be asked.
func ListerOf(ctx context.Context, r *site.Remote) lister {
	client, err := r.Connect(ctx)
	if err != nil {
		return unreachable{err}
	}
	return client
}

// Shelf is what the registry holds of a service.
type Shelf struct {
	Service    artifact.ServiceID  `json:"service"`
	Repository artifact.Repository `json:"repository"`
	// Artifacts are what a commit names, newest first.
	Artifacts []Published `json:"artifacts"`
	// Others are tags that are no full commit: nothing is deployed by them.
	Others []string `json:"otherTags"`
	// Broken are tags that the registry lists and cannot resolve.
	Broken []Broken `json:"brokenTags,omitempty"`
	// Failure is the reason why the registry could not be asked.
	Failure *Unasked `json:"failure,omitempty"`
}

// Broken is a tag whose image cannot be found, and why.
type Broken struct {
	Name    string `json:"name"`
	Trouble string `json:"trouble"`
}

// Published is an artifact that the registry lists.
type Published struct {
	Commit artifact.Commit `json:"commit"`
	Digest artifact.Digest `json:"digest"`
	// Size and Created are zero if they could not be read.
	Size    int64     `json:"sizeBytes,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Standing is how it stands in each environment in which the service is live, nil if
	// unknown. Subject is the commit's, "" if no copy of its source knows it.
	Standing map[artifact.Env]ledger.Standing `json:"standing,omitempty"`
	Subject  string                           `json:"subject,omitempty"`
}

// Shelves asks for each of the services, some at a time, in their order.
func Shelves(ctx context.Context, from lister, services []catalog.Row) []Shelf {
	list := make([]Shelf, len(services))
	var group errgroup.Group
	group.SetLimit(4) // an agent reads the details of as many tags at once
	for i, row := range services {
		group.Go(func() error {
			list[i] = ShelfOf(ctx, from, row)
			return nil
		})
	}
	_ = group.Wait()
	return list
}

// ShelfOf asks for a service. A registry that does not answer is the shelf's failure.
func ShelfOf(ctx context.Context, from lister, row catalog.Row) Shelf {
	s := Shelf{Service: row.Service, Repository: row.Repository, Artifacts: []Published{}, Others: []string{}}
	tags, err := from.Tags(ctx, row.Repository)
	if err != nil && fault.ReasonOf(err) != fault.ArtifactNotFound { // "not found" means an empty shelf
		s.Failure = NotAsked("what the registry holds of "+row.Service.String(), err)
	}
	for _, tag := range tags {
		if tag.Trouble != "" {
			s.Broken = append(s.Broken, Broken{tag.Name, tag.Trouble})
		} else if commit, err := artifact.ParseCommit(tag.Name); err == nil {
			s.Artifacts = append(s.Artifacts, Published{Commit: commit, Digest: tag.Digest, Size: tag.Size, Created: tag.Created})
		} else {
			s.Others = append(s.Others, tag.Name)
		}
	}
	slices.SortFunc(s.Artifacts, func(a, b Published) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Commit.String(), b.Commit.String()))
	})
	return s
}

// Newest returns the shelves with the newest n artifacts of each.
func Newest(list []Shelf, n int) []Shelf {
	list = slices.Clone(list)
	for i := range list {
		list[i].Artifacts = slices.Clone(list[i].Artifacts[:min(n, len(list[i].Artifacts))])
	}
	return list
}

// Failures are what could not be asked, each cause once.
func Failures(list []Shelf) (all []Unasked) {
	defer func() {
		if len(all) == 1 && len(list) > 1 && !slices.ContainsFunc(list, func(s Shelf) bool { return s.Failure == nil }) {
			all[0].What = "what the registry holds" // of anything
		}
	}()
	for _, s := range list {
		if s.Failure == nil {
			continue
		}
		i := slices.IndexFunc(all, func(u Unasked) bool { return u.Message == s.Failure.Message && u.Reason == s.Failure.Reason })
		if i < 0 {
			all = append(all, *s.Failure)
		} else {
			all[i].What += ", " + s.Service.String()
		}
	}
	return all
}
