//go:build integration

package compose_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A registry on loopback has an image under the stable name that no program verified.
// When the verified image loses its name in the switch, Compose must not fetch it.
func TestAnImageThatWasNotVerifiedIsNeverPulled(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	shelf := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.UserAgent(), "docker/") {
			asked.Add(1)
		}
		shelf.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w := newWorld(t)
	w.spec.Compose.Image = strings.TrimPrefix(server.URL, "http://") + "/" + w.project
	w.config.Workloads[0] = w.spec
	w.write("docker-compose.yml", w.composeFile(""))
	for i := range 3 {
		w.makeImage(i, "")
	}
	ref, err := name.ParseReference(w.spec.Compose.Image + ":latest")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, w.loads[w.images[2].Commit]); err != nil {
		t.Fatal(err)
	}
	old := w.deploy(0, "a")
	c := w.plan(1, "b")
	err = w.target().Switch(t.Context(), c, func(e workload.Event) {
		if e.Point == workload.PointReplace {
			w.docker("rmi", w.spec.Compose.Image)
		}
	})
	if fault.ReasonOf(err) != fault.Stale || !fault.Retryable(err) {
		t.Errorf("%v", err)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the engine asked the registry %d times", n)
	}
	for _, in := range w.observe().Instances {
		if in.Labels[artifact.LabelRevision] == w.images[2].Commit.String() {
			t.Errorf("what nobody verified was started: %+v", in)
		}
	}
	w.settle("b", workload.Revert)
	if w.want(0).ID != old.ID {
		t.Error("it was recreated")
	}
}
