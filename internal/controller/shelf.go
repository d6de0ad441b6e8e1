package controller

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// lister tells what a registry's repository holds.
type lister interface {
	Tags(ctx context.Context, repo artifact.Repository) ([]rpc.Tag, error)
}

// unreachable is a registry that could not be asked, and why.
type unreachable struct{ err error }

// Tags implements lister.
func (u unreachable) Tags(context.Context, artifact.Repository) ([]rpc.Tag, error) { return nil, u.err }

// lister connects, once for all that will be asked.
func (r *remote) lister(ctx context.Context) lister {
	client, err := r.connect(ctx)
	if err != nil {
		return unreachable{err}
	}
	return client
}

// shelf is what the registry holds of a service.
type shelf struct {
	Service    artifact.ServiceID  `json:"service"`
	Repository artifact.Repository `json:"repository"`
	// Artifacts are what a commit names, newest first.
	Artifacts []published `json:"artifacts"`
	// Others are tags that are no full commit: nothing is deployed by them.
	Others []string `json:"otherTags"`
	// Failure says why the registry could not be asked.
	Failure *unasked `json:"failure,omitempty"`
}

// published is an artifact that the registry lists.
type published struct {
	Commit artifact.Commit `json:"commit"`
	Digest artifact.Digest `json:"digest"`
	// Size and Created are zero where they could not be read.
	Size    int64     `json:"sizeBytes,omitempty"`
	Created time.Time `json:"created,omitzero"`
}

// unasked is a question that was not answered.
type unasked struct {
	// What was to be asked, of whom.
	What string `json:"what"`
	fault.Report
}

func notAsked(what string, err error) *unasked {
	return &unasked{What: what, Report: remedy.Report(err)}
}

// shelves asks for each of the services, some at a time, in their order.
func shelves(ctx context.Context, from lister, services []catalog.Row) []shelf {
	list := make([]shelf, len(services))
	var group errgroup.Group
	group.SetLimit(4) // an agent reads the details of as many tags at once
	for i, row := range services {
		group.Go(func() error {
			list[i] = shelfOf(ctx, from, row)
			return nil
		})
	}
	_ = group.Wait()
	return list
}

func shelfOf(ctx context.Context, from lister, row catalog.Row) shelf {
	s := shelf{Service: row.Service, Repository: row.Repository, Artifacts: []published{}, Others: []string{}}
	tags, err := from.Tags(ctx, row.Repository)
	if err != nil && fault.ReasonOf(err) != fault.ArtifactNotFound { // that one is empty
		s.Failure = notAsked("what the registry holds of "+row.Service.String(), err)
	}
	for _, tag := range tags {
		if commit, err := artifact.ParseCommit(tag.Name); err == nil {
			s.Artifacts = append(s.Artifacts, published{commit, tag.Digest, tag.Size, tag.Created})
		} else {
			s.Others = append(s.Others, tag.Name)
		}
	}
	slices.SortFunc(s.Artifacts, func(a, b published) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Commit.String(), b.Commit.String()))
	})
	return s
}

// failures are what could not be asked, each cause once.
func failures(list []shelf) (all []unasked) {
	defer func() {
		if len(all) == 1 && len(list) > 1 && !slices.ContainsFunc(list, func(s shelf) bool { return s.Failure == nil }) {
			all[0].What = "what the registry holds" // of anything
		}
	}()
	for _, s := range list {
		if s.Failure == nil {
			continue
		}
		i := slices.IndexFunc(all, func(u unasked) bool { return u.Message == s.Failure.Message && u.Reason == s.Failure.Reason })
		if i < 0 {
			all = append(all, *s.Failure)
		} else {
			all[i].What += ", " + s.Service.String()
		}
	}
	return all
}

// printUnasked writes what is missing in an answer, below it.
func printUnasked(out io.Writer, list []unasked) error {
	p := &printer{out: out}
	for _, u := range list {
		p.line("%s %s (%s)", bad.Render("not known:"), u.What, u.Reason)
		p.line("  %s", u.Message)
		if u.Hint != "" {
			p.line("  %s", u.Hint)
		}
	}
	return p.err
}

// partly sets the exit code of an answer in which something is missing.
func (a *app) partly(ctx context.Context, missing bool) {
	switch {
	case ctx.Err() != nil:
		a.code = ExitInterrupted
	case missing:
		a.code = ExitFailed
	}
}

// builtAgo is an age for people, "-" where it is not known.
func builtAgo(now, then time.Time) string { return plain.Age(now, then) }
