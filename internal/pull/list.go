package pull

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Limits of a page of tags (the distribution specification's n).
const (
	defaultPage = 100
	maxPage     = 1000
	maxTagList  = 4 << 20
	// maxTroubles is how many tags may be broken before a good tag: then the registry
	// is broken.
	maxTroubles = 3
)

// List hands each tag of a page, in the order of their bytes, to the caller with
// the digest that it points at now, and returns the token of the next page, ""
// after the last. A tag that the registry cannot resolve comes with the reason
// instead, and hides no other. size 0 asks for a page of 100. The digest is the registry's
// word: it is for people, and no deploy is based on it.
func (r *Registry) List(ctx context.Context, repo artifact.Repository, size int, token string,
	each func(tag string, d artifact.Digest, trouble error),
) (next string, err error) {
	if size < 0 || size > maxPage {
		return "", fault.New(fault.InvalidRequest, "page size %d is not in 0 to %d", size, maxPage)
	}
	if size == 0 {
		size = defaultPage
	}
	q := url.Values{"n": {strconv.Itoa(size)}}
	if token != "" {
		q.Set("last", token)
	}
	resp, err := r.get(ctx, http.MethodGet, repo.String()+"/tags/list?"+q.Encode())
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := readAll(resp.Body, resp.ContentLength, maxTagList)
	if err != nil {
		return "", err
	}
	var page struct{ Tags []string }
	if err := json.Unmarshal(b, &page); err != nil {
		return "", fault.New(fault.RegistryUnavailable, "registry's tag list: %w", err)
	}
	// Distribution 2.8 knows neither n nor last: it answers with all tags, in no order.
	// Sorted and cut here, a token means the same with every registry, and a caller
	// that follows them comes to an end.
	slices.Sort(page.Tags)
	begin, found := slices.BinarySearch(page.Tags, token)
	if found {
		begin++
	}
	page.Tags = page.Tags[begin:]
	cut := len(page.Tags) > size
	if cut {
		page.Tags = page.Tags[:size]
	}
	told := false
	var troubles []error
	for _, tag := range page.Tags {
		d, err := r.head(ctx, repo, tag)
		switch {
		case fault.ReasonOf(err) == fault.ArtifactNotFound:
			continue // deleted since it was listed
		case err == nil:
			told = true
		case !answered(err), !told && len(troubles) == maxTroubles:
			return "", err
		default:
			troubles = append(troubles, err)
		}
		each(tag, d, err)
	}
	// Distribution specification, "Listing tags": a Link header means that there is
	// more; last= takes the last tag of this page.
	if len(page.Tags) > 0 && (cut || resp.Header.Get("Link") != "") {
		next = page.Tags[len(page.Tags)-1]
	}
	return next, nil
}

// head asks what a tag points at.
func (r *Registry) head(ctx context.Context, repo artifact.Repository, tag string) (artifact.Digest, error) {
	resp, err := r.get(ctx, http.MethodHead, repo.String()+"/manifests/"+url.PathEscape(tag), manifestTypes()...)
	if err != nil {
		return artifact.Digest{}, err
	}
	_ = resp.Body.Close()
	d, err := artifact.ParseDigest(resp.Header.Get("Docker-Content-Digest"))
	if err != nil {
		err = invalid("the registry names no digest for tag %s: %w", tag, err)
	}
	return d, err
}

// answered reports whether an error is the registry's answer about a tag, rather than
// that it does not answer.
func answered(err error) bool {
	te := (*transport.Error)(nil)
	return errors.As(err, &te) && !fault.Retryable(err) || fault.ReasonOf(err) == fault.ArtifactInvalid
}
