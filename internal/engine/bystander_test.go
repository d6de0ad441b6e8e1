package engine

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// engineOf serves answers of an engine's API by the end of their path.
func engineOf(t *testing.T, answers map[string]string) (*Client, *atomic.Int32) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int32)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Api-Version", "1.48")
		_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v"), "/")
		switch answer, ok := answers[path]; {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintln(w, `{"message":"No such container"}`)
		case answer == "":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintln(w, `{"message":"broken"}`)
		default:
			asked.Add(1)
			fmt.Fprintln(w, answer)
		}
	})}}
	s.Start()
	t.Cleanup(s.Close)
	c, err := New("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, asked
}

func TestAllContainersAreBystanders(t *testing.T) {
	t.Parallel()
	const labels = `"Labels":{"com.docker.compose.project":"p","com.docker.compose.service":"s"}`
	c, asked := engineOf(t, map[string]string{
		"containers/json": `[
			{"Id":"1","Names":["/other/alias","/web"],"State":"running",` + labels + `},
			{"Id":"2","Names":["/loop"],"State":"restarting"},
			{"Id":"3","Names":["/done"],"State":"exited",` + labels + `},
			{"Id":"4","Names":["/new"],"State":"created"},
			{"Id":"5","Names":["/broken"],"State":"dead"},
			{"Id":"6","Names":["/once"],"State":"running","Labels":{"com.docker.compose.oneoff":"True"}},
			{"Id":"7","Names":["/gone"],"State":"running"},
			{"Id":"8","Names":["/job"],"State":"running"}]`,
		"containers/1/json": `{"Id":"1","RestartCount":2,"State":{"Running":true,"StartedAt":"2026-01-02T03:04:05.6Z"},"HostConfig":{},"Config":{"Env":["SECRET=hunter2"]}}`,
		"containers/2/json": `{"Id":"2","RestartCount":9,"State":{"Running":true,"Restarting":true,"StartedAt":"2026-01-02T03:04:06Z"},"HostConfig":{}}`,
		"containers/3/json": `{"Id":"3","State":{"ExitCode":3},"HostConfig":{"RestartPolicy":{"Name":"unless-stopped"},"NetworkMode":"container:1","IpcMode":"container:2","PidMode":"host","VolumesFrom":["web:ro"]},
			"Mounts":[{"Type":"volume","Name":"p_data","Destination":"/data"},{"Type":"bind","Source":"/srv","Destination":"/srv"}]}`,
		"containers/4/json": `{"Id":"4","State":{},"HostConfig":{}}`,
		"containers/5/json": `{"Id":"5","State":{},"HostConfig":{"RestartPolicy":{"Name":"on-failure"}}}`,
		"containers/6/json": `{"Id":"6","State":{"Running":true},"HostConfig":{}}`,
		"containers/8/json": `{"Id":"8","State":{"Running":true,"StartedAt":"2026-01-02T03:04:07Z"},"HostConfig":{"AutoRemove":true}}`,
	})
	got, err := c.AllContainers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	three := 3
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if d := cmp.Diff([]workload.Neighbour{
		{ID: "1", Name: "web", Scope: "p", Group: "s", Running: true, Started: start.Add(600 * time.Millisecond), Restarts: 2},
		{ID: "2", Name: "loop", Running: true, Started: start.Add(time.Second), Restarts: 9, Restarting: true},
		{
			ID: "3", Name: "done", Scope: "p", Group: "s", Exited: &three, KeptRunning: true, Volumes: []string{"p_data"},
			Shares: []workload.Share{{What: "network", With: "1"}, {What: "ipc", With: "2"}, {What: "volumes", With: "web"}},
		},
		{ID: "4", Name: "new"},
		{ID: "5", Name: "broken", Exited: new(int)},
		{ID: "8", Name: "job", Running: true, Started: start.Add(2 * time.Second), AutoRemove: true},
	}, got); d != "" {
		t.Error(d)
	}
	if n := asked.Load(); n != 7 {
		t.Errorf("%d questions were answered, want the list and one for each container", n)
	}
}

func TestContainersThatCannotBeToldAreAnError(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]map[string]string{
		"no list":                  {"containers/json": ""},
		"one that does not answer": {"containers/json": `[{"Id":"1","Names":["/web"],"State":"running"}]`, "containers/1/json": ""},
	} {
		c, _ := engineOf(t, answers)
		if got, err := c.AllContainers(t.Context()); fault.ReasonOf(err) != fault.EngineFailed {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
