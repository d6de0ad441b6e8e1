package pull

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// lists answers the list at a path below /v2/ in pages; each begins where the page before
// ends, and only those with a next page have a Link.
func lists(path, key string, pages map[string][]string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/"+path {
			return false
		}
		page := pages[r.URL.Query().Get("last")]
		if _, more := pages[page[len(page)-1]]; more {
			w.Header().Set("Link", "</v2/more>; rel=next")
		}
		_ = json.NewEncoder(w).Encode(map[string][]string{key: page})
		return true
	}
}

func TestTheCatalogIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	for name, pages := range map[string]map[string][]string{
		"no pages": {"": {"unidesk/b", "unidesk/a/x", "Not A Name", "unidesk/a-x"}},
		// Distribution puts a/x before a-x.
		"pages":           {"": {"unidesk/a/x"}, "unidesk/a/x": {"unidesk/a-x", "Not A Name"}, "Not A Name": {"unidesk/b"}},
		"repeats forever": {"": {"unidesk/b", "unidesk/a-x", "unidesk/a/x"}, "unidesk/a/x": {"unidesk/b", "unidesk/a-x", "unidesk/a/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lieWith(lists("_catalog", "repositories", pages))
			found, err := f.reader(t).Repositories(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range found {
				got = append(got, r.String())
			}
			if d := cmp.Diff([]string{"unidesk/a-x", "unidesk/a/x", "unidesk/b"}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestACatalogWithoutEndIsAnError(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Link", "</v2/more>; rel=next")
		_ = json.NewEncoder(w).Encode(map[string][]string{"repositories": {r.URL.Query().Get("last") + "a"}})
		return true
	})
	_, err := f.reader(t).Repositories(t.Context())
	wantReason(t, err, fault.RegistryUnavailable, false)
}

func TestOnlyCommitsAreListed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	other := strings.Repeat("b", 40)
	for _, tag := range []string{"latest", other, commitID, "v1.0.0"} {
		f.push(t, tag, imageFor(amd64))
	}
	got, err := f.reader(t).Commits(t.Context(), repo())
	if err != nil || len(got) != 2 || got[0] != commit() || got[1].String() != other {
		t.Errorf("%v, %v", got, err)
	}
	_, err = f.reader(t).Commits(t.Context(), must(artifact.ParseRepository("no/such")))
	wantReason(t, err, fault.ArtifactNotFound, false)
}

func TestTheTimeOfABuildIsThatOfTheConfig(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for _, at := range []time.Time{built, {}} {
		img := imageFor(amd64)
		if !at.IsZero() {
			img = must(mutate.CreatedAt(img, v1.Time{Time: at}))
		}
		f.push(t, commitID, img)
		got, created, err := f.reader(t).Built(t.Context(), repo(), commit(), amd64)
		if err != nil || !created.Equal(at) || got.Manifest != digest(must(img.Digest())) || len(got.Layers) != 3 {
			t.Errorf("%v: %+v built at %v, %v", at, got, created, err)
		}
	}
	big := must(mutate.ConfigFile(imageFor(amd64), &v1.ConfigFile{OS: "linux", Architecture: "amd64", Author: strings.Repeat("x", maxDetail)}))
	f.push(t, commitID, big)
	_, _, err := f.reader(t).Built(t.Context(), repo(), commit(), amd64)
	wantReason(t, err, fault.ArtifactInvalid, false)
}
