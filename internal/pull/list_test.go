package pull

import (
	"encoding/json"
	"net/http"
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
				next, err := r.List(t.Context(), repo(), 2, token, func(tag string, d artifact.Digest) {
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
	if _, err := f.reader(t).List(t.Context(), repo(), 0, "", func(tag string, _ artifact.Digest) { got = append(got, tag) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a"}, got); diff != "" {
		t.Error(diff)
	}
}
