//go:build integration

package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// pulled serves a registry with x/y:1, in which intercept may answer first.
func pulled(t *testing.T, intercept func(http.ResponseWriter, *http.Request) bool) (ref, digest string) {
	t.Helper()
	store := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	ready := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready || intercept == nil || !intercept(w, r) {
			store.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	text := strings.TrimPrefix(server.URL, "http://") + "/x/y:1"
	image, err := random.Image(1<<20, 2)
	if err != nil {
		t.Fatal(err)
	}
	at, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(at, image); err != nil {
		t.Fatal(err)
	}
	ready = true
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return text, d.String()
}

func TestARealEnginePulls(t *testing.T) {
	c, docker := realEngine(t)
	stall := func(over <-chan struct{}, when func(string) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(_ http.ResponseWriter, r *http.Request) bool {
			if when(r.URL.Path) {
				select {
				case <-r.Context().Done():
				case <-over: // an engine does not let go of what it was fetching
				}
				return true
			}
			return false
		}
	}
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, `{"errors":[{"code":"DENIED","message":"requested access is denied"}]}`, code)
			return true
		}
	}
	mute, midBlob := make(chan struct{}), make(chan struct{})
	for name, intercept := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"forbidden":        status(http.StatusForbidden),
		"unauthorized":     status(http.StatusUnauthorized),
		"broken":           status(http.StatusInternalServerError),
		"overloaded":       status(http.StatusServiceUnavailable),
		"mute":             stall(mute, func(string) bool { return true }),
		"mute in mid-blob": stall(midBlob, func(p string) bool { return strings.Contains(p, "/blobs/") }),
		"lying": func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/blobs/") {
				_, _ = w.Write([]byte("not it"))
				return true
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			ref, _ := pulled(t, intercept)
			err := c.Pull(t.Context(), ref, 3*time.Second, func(engine.Pulled) {})
			t.Log(err)
			if fault.ReasonOf(err) != fault.ImageUnavailable || !strings.Contains(err.Error(), ref) || !strings.Contains(fault.HintOf(err), ref) {
				t.Errorf("%s: %v (%s)", fault.ReasonOf(err), err, fault.HintOf(err))
			}
			if _, err := c.Image(t.Context(), ref); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("half an image: %v", err)
			}
			switch name {
			case "mute":
				close(mute)
			case "mute in mid-blob":
				close(midBlob)
			}
		})
	}
	ref, digest := pulled(t, nil)
	for name, bad := range map[string]string{
		"no such tag": strings.TrimSuffix(ref, "1") + "2", "no such digest": ref + "@sha256:" + strings.Repeat("0", 64),
		"nobody there": "127.0.0.1:1/x/y:1", "no such name": "registry.invalid/x/y:1",
	} {
		err := c.Pull(t.Context(), bad, 20*time.Second, func(engine.Pulled) {})
		t.Logf("%s: %v", name, err)
		if fault.ReasonOf(err) != fault.ImageUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	if err := c.Pull(given, ref, time.Minute, func(engine.Pulled) {}); !errors.Is(err, context.Canceled) || fault.ReasonOf(err) == fault.ImageUnavailable {
		t.Errorf("given up: %v", err)
	}
	var last engine.Pulled
	if err := c.Pull(t.Context(), ref, time.Minute, func(is engine.Pulled) { last = is }); err != nil {
		t.Error(err)
	}
	if last.Total == 0 || last != (engine.Pulled{Fetched: last.Total, Unpacked: last.Total, Total: last.Total}) {
		t.Errorf("a whole pull ended at %+v", last)
	}
	for _, good := range []string{ref, ref, ref + "@" + digest, strings.TrimSuffix(ref, ":1") + "@" + digest} {
		if err := c.Pull(t.Context(), good, time.Minute, func(engine.Pulled) {}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		got, err := c.Image(t.Context(), good)
		if err != nil || len(got.RepoDigests) != 1 || !strings.HasSuffix(got.RepoDigests[0], "/x/y@"+digest) {
			t.Errorf("%s: %+v, %v", good, got, err)
		}
	}
	// A container that does not run publishes what it is to; here none can.
	docker("create", "--name", "rr", "-p", "127.0.0.1:5000:5000", "-p", "5001:5001", ref, "/x")
	got, err := c.Container(t.Context(), "rr")
	if err != nil || got.State != "created" || len(got.Published) != 2 || got.Published[0].String() != "0.0.0.0:5001" || got.Published[1].String() != "127.0.0.1:5000" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.RemoveContainer(t.Context(), "rr"); err != nil {
		t.Error(err)
	}
	none, err := engine.New("unix:///nonexistent.sock")
	if err != nil {
		t.Fatal(err)
	}
	if err := none.Pull(t.Context(), ref, time.Second, func(engine.Pulled) {}); fault.ReasonOf(err) != fault.EngineUnavailable {
		t.Errorf("no engine: %v", err)
	}
}
