package pull

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const commitID = "0123456789abcdef0123456789abcdef01234567"

var (
	amd64 = artifact.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = artifact.Platform{OS: "linux", Architecture: "arm64"}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func repo() artifact.Repository { return must(artifact.ParseRepository("unidesk/todo-note")) }

func commit() artifact.Commit { return must(artifact.ParseCommit(commitID)) }

// fake is a real registry in memory behind a handler that may lie first.
type fake struct {
	*httptest.Server
	// lie may answer in the registry's place; it reports whether it did.
	lie      atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	requests atomic.Int64
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{}
	inner := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.requests.Add(1)
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0") // as the real ones do
		if lie := f.lie.Load(); lie != nil && (*lie)(w, r) {
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) lieWith(lie func(http.ResponseWriter, *http.Request) bool) { f.lie.Store(&lie) }

func (f *fake) ref(t *testing.T, tag string) name.Reference {
	t.Helper()
	return must(name.ParseReference(strings.TrimPrefix(f.URL, "http://") + "/" + repo().String() + ":" + tag))
}

// transport is closed with the test, so that goleak sees only what leaks.
func pushTransport(t *testing.T) remote.Option {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return remote.WithTransport(tr)
}

func (f *fake) push(t *testing.T, tag string, img v1.Image) {
	t.Helper()
	if err := remote.Write(f.ref(t, tag), img, pushTransport(t)); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) reader(t *testing.T) *Registry {
	t.Helper()
	return f.readerFor(t, time.Hour)
}

// readerFor gives a registry up that is silent for so long.
func (f *fake) readerFor(t *testing.T, idle time.Duration) *Registry {
	t.Helper()
	r := must(New(Config{URL: f.URL, Idle: idle, Backoff: time.Millisecond}))
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func imageFor(p artifact.Platform) v1.Image {
	img := must(random.Image(1000, 3))
	config := must(img.ConfigFile()).DeepCopy()
	config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	return must(mutate.ConfigFile(img, config))
}

func wantReason(t *testing.T, err error, want fault.Reason, retry bool) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != want || fault.Retryable(err) != retry {
		t.Errorf("got %v (%s, retry %t), want %s, retry %t", err, fault.ReasonOf(err), fault.Retryable(err), want, retry)
	}
}

func TestOnlyALoopbackRegistryIsRead(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"http://127.0.0.1:5000":              true,
		"http://localhost:5000/":             true,
		"http://[::1]:5000":                  true,
		"http://127.9.9.9":                   true,
		"https://127.0.0.1:5000":             false,
		"http://registry.example:5000":       false,
		"http://10.0.0.1:5000":               false,
		"http://0.0.0.0:5000":                false,
		"http://127.0.0.1.example.com:5000":  false,
		"http://user:pw@127.0.0.1:5000":      false,
		"http://127.0.0.1:5000/v2":           false,
		"http://127.0.0.1:5000?x=1":          false,
		"127.0.0.1:5000":                     false,
		"":                                   false,
		"http://127.0.0.1:5000#fragment":     false,
		"http://localhost.evil.example:5000": false,
	} {
		if err := (Config{URL: url}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestARegistryThatWantsALoginIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.lieWith(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusUnauthorized); return true })
	_, err := f.reader(t).Resolve(t.Context(), repo(), commit(), amd64)
	wantReason(t, err, fault.RegistryUnavailable, false)
	if !strings.Contains(fault.HintOf(err), "login") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func TestARegistryThatRestartsIsAskedAgain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.push(t, commitID, imageFor(amd64))
	r := f.reader(t)
	var failed atomic.Int64
	f.lieWith(func(w http.ResponseWriter, _ *http.Request) bool {
		if failed.Add(1) > 2 {
			return false
		}
		if failed.Load() == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_ = conn.Close()
		return true
	})
	if _, err := r.Resolve(t.Context(), repo(), commit(), amd64); err != nil {
		t.Fatal(err)
	}
	f.requests.Store(0)
	failed.Store(100)
	if _, err := r.Resolve(t.Context(), repo(), must(artifact.ParseCommit(strings.Repeat("a", 40))), amd64); err == nil {
		t.Error("resolved a commit that was never pushed")
	}
	if n := f.requests.Load(); n != 1 {
		t.Errorf("a plain no was asked for %d times", n)
	}
}

func TestARegistryThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := f.reader(t)
	f.Close()
	_, err := r.Resolve(t.Context(), repo(), commit(), amd64)
	wantReason(t, err, fault.RegistryUnavailable, true)
	_, err = r.List(t.Context(), repo(), 0, "", nil)
	wantReason(t, err, fault.RegistryUnavailable, true)
}

func TestACallerThatGivesUpIsNotARegistryThatFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.lieWith(func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	_, err := f.reader(t).Resolve(ctx, repo(), commit(), amd64)
	if !errors.Is(err, context.Canceled) || fault.Retryable(err) {
		t.Errorf("got %v", err)
	}
}
