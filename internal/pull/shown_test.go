package pull

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// A program that has the registry's port answers with what a registry may answer, too.
func TestWhatAnswersMustShowThatItIsARegistry(t *testing.T) {
	t.Parallel()
	page := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Del("Docker-Distribution-Api-Version")
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	for name, lie := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"not found": page(http.StatusNotFound, "404 page not found"),
		"forbidden": page(http.StatusForbidden, ""),
		"a login":   page(http.StatusUnauthorized, `{"error":"who are you?"}`),
		"a page":    page(http.StatusOK, "<html>hello</html>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lieWith(lie)
			r := f.reader(t)
			_, resolve := r.Resolve(t.Context(), repo(), commit(), amd64)
			_, list := r.List(t.Context(), repo(), 0, "", nil)
			for _, err := range []error{resolve, list, r.Ping(t.Context())} {
				wantReason(t, err, fault.RegistryUnavailable, false)
				if !strings.Contains(err.Error(), "is no registry") || !strings.Contains(err.Error(), strings.TrimPrefix(f.URL, "http://")) ||
					fault.ActionOf(err) != fault.RegistryHealth {
					t.Errorf("%v, action %q", err, fault.ActionOf(err))
				}
			}
		})
	}
}

// The header is not on each answer of each registry, and some give it nowhere.
func TestARegistryShowsItselfByHeaderOrErrorDocument(t *testing.T) {
	t.Parallel()
	for name, below := range map[string]func(http.ResponseWriter){
		"by the header below /v2/ alone": func(w http.ResponseWriter) { w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0") },
		"by the error document": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED"}]}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.push(t, commitID, imageFor(amd64))
			f.lieWith(func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Del("Docker-Distribution-Api-Version")
				if r.URL.Path == "/v2/" {
					below(w)
				}
				return r.URL.Path == "/v2/"
			})
			if _, err := f.reader(t).Resolve(t.Context(), repo(), commit(), amd64); err != nil {
				t.Error(err)
			}
		})
	}
}

// The proxy of a registry that is away answers in its place, and its answer passes.
func TestAProxyOfARegistryThatIsAwayIsNoStranger(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.lieWith(func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Del("Docker-Distribution-Api-Version")
				w.WriteHeader(status)
				return true
			})
			r := f.reader(t)
			_, err := r.Resolve(t.Context(), repo(), commit(), amd64)
			wantReason(t, err, fault.RegistryUnavailable, true)
			wantReason(t, r.Ping(t.Context()), fault.RegistryUnavailable, true)
		})
	}
}
