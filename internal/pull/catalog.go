package pull

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// maxPages bounds the pages of a catalog or of a tag list that are read.
const maxPages = 64

// Repositories returns the names of the repositories that the registry has, in the order
// of their bytes. A name that is none is left out. The registry's word: what is in a
// repository is checked when it is read.
//
// REGISTRY_UNAVAILABLE when it does not answer, or has more than can be read.
func (r *Registry) Repositories(ctx context.Context) (found []artifact.Repository, err error) {
	err = r.pages(ctx, "_catalog", func(b []byte) (names []string, err error) {
		var page struct{ Repositories []string }
		err = json.Unmarshal(b, &page)
		return page.Repositories, err
	}, func(name string) {
		if repo, err := artifact.ParseRepository(name); err == nil {
			found = append(found, repo)
		}
	})
	return found, err
}

// Commits returns the tags of a repository that are commits, in the order of their bytes.
// It asks for names only: what a tag points at may be gone.
//
// ARTIFACT_NOT_FOUND without such a repository, REGISTRY_UNAVAILABLE when the registry does
// not answer, or has more than can be read.
func (r *Registry) Commits(ctx context.Context, repo artifact.Repository) (found []artifact.Commit, err error) {
	err = r.pages(ctx, repo.String()+"/tags/list", func(b []byte) (names []string, err error) {
		var page struct{ Tags []string }
		err = json.Unmarshal(b, &page)
		return page.Tags, err
	}, func(name string) {
		if commit, err := artifact.ParseCommit(name); err == nil {
			found = append(found, commit)
		}
	})
	return found, err
}

// pages reads a list of names that comes in pages, and hands on each name once, in the
// order of their bytes. A registry that knows no pages answers with all names at once.
func (r *Registry) pages(ctx context.Context, path string, names func([]byte) ([]string, error), each func(string)) error {
	found := map[string]bool{}
	for last, read := "", 0; ; read++ {
		if read == maxPages {
			return fault.New(fault.RegistryUnavailable, "the registry lists more names than are read, in %d pages", maxPages)
		}
		page, more, err := r.page(ctx, path, last, names)
		if err != nil {
			return err
		}
		before := len(found)
		for _, name := range page {
			found[name], last = true, name // by the registry's order, which need not be that of the bytes
		}
		if !more || len(found) == before { // a registry that repeats itself has an end, too
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		each(name)
	}
	return nil
}

func (r *Registry) page(ctx context.Context, path, last string, names func([]byte) ([]string, error)) (page []string, more bool, err error) {
	q := url.Values{"n": {strconv.Itoa(maxPage)}}
	if last != "" {
		q.Set("last", last)
	}
	resp, err := r.get(ctx, http.MethodGet, path+"?"+q.Encode())
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	b, err := readAll(resp.Body, resp.ContentLength, maxTagList)
	if err != nil {
		return nil, false, err
	}
	if page, err = names(b); err != nil {
		return nil, false, fault.New(fault.RegistryUnavailable, "registry's list of names: %w", err)
	}
	return page, resp.Header.Get("Link") != "", nil
}
