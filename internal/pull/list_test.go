package pull

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestTagsComeInPages(t *testing.T) {
	t.Parallel()
	all := []string{"e", "c", "a", "d", "b"}
	for name, lie := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"a registry that knows pages": func(w http.ResponseWriter, r *http.Request) bool {
			// The registry in memory has n and last, but not the Link header that the
			// distribution specification demands.
			if strings.HasSuffix(r.URL.Path, "/tags/list") && r.URL.Query().Get("last") < "c" {
				w.Header().Set("Link", "</v2/more>; rel=next")
			}
			return false
		},
		"distribution 2.8, which does not": func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tags/list") {
				return false
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"tags": all})
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			img := imageFor(amd64)
			for _, tag := range all {
				f.push(t, tag, img)
			}
			f.lieWith(lie)
			r := f.reader(t)
			var got []string
			token, pages := "", 0
			for {
				pages++
				next, err := r.List(t.Context(), repo(), 2, token, func(tag string, d artifact.Digest, _ error) {
					got = append(got, tag)
					if d.String() != must(img.Digest()).String() {
						t.Errorf("%s points at %s", tag, d)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if token = next; token == "" || pages > 9 {
					break
				}
			}
			if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, got); diff != "" || pages != 3 {
				t.Errorf("%d pages: %s", pages, diff)
			}
			_, err := r.List(t.Context(), repo(), maxPage+1, "", nil)
			wantReason(t, err, fault.InvalidRequest, false)
		})
	}
	f := newFake(t)
	_, err := f.reader(t).List(t.Context(), must(artifact.ParseRepository("no/such")), 0, "", nil)
	wantReason(t, err, fault.ArtifactNotFound, false)
}

func TestATagDeletedWhileItIsListedIsPassedOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.push(t, "a", imageFor(amd64))
	f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/tags/list") {
			return false
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"tags": []string{"a", "gone"}})
		return true
	})
	var got []string
	if _, err := f.reader(t).List(t.Context(), repo(), 0, "", func(tag string, _ artifact.Digest, _ error) { got = append(got, tag) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestABrokenTagDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	tags := []string{"a", "b", "c", "d", "e"}
	for name, c := range map[string]struct {
		broken []string
		status int
		want   string // the list, a broken tag with "!"; "" when the registry itself fails
	}{
		"a tag whose link is damaged":    {[]string{"b"}, http.StatusInternalServerError, "a b! c d e"},
		"a tag that has no digest":       {[]string{"c"}, http.StatusOK, "a b c! d e"},
		"the first ones":                 {[]string{"a", "b", "c"}, http.StatusInternalServerError, "a! b! c! d e"},
		"each of them":                   {tags, http.StatusInternalServerError, ""},
		"a registry that is away for it": {[]string{"b"}, http.StatusServiceUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			for _, tag := range tags {
				f.push(t, tag, imageFor(amd64))
			}
			f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
				lies := slices.Contains(c.broken, path.Base(r.URL.Path)) && strings.Contains(r.URL.Path, "/manifests/")
				if lies {
					w.WriteHeader(c.status)
				}
				return lies
			})
			var got []string
			_, err := f.reader(t).List(t.Context(), repo(), 0, "", func(tag string, d artifact.Digest, trouble error) {
				if trouble != nil {
					tag += "!"
				}
				if d.IsZero() != (trouble != nil) {
					t.Errorf("%s has digest %s", tag, d)
				}
				got = append(got, tag)
			})
			if c.want == "" {
				wantReason(t, err, fault.RegistryUnavailable, c.status != http.StatusInternalServerError)
			} else if strings.Join(got, " ") != c.want || err != nil {
				t.Errorf("%s (%v)", got, err)
			}
		})
	}
}
