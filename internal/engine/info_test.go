package engine

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// An engine is asked what it is once, and again when it was restarted: its store may be another.
func TestAnEngineIsAskedWhatItIsOnceForAConnection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "engine.sock")
	var asked atomic.Int32
	driver := ""
	start := func() *httptest.Server {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			answer := map[string]any{"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64"}
			if strings.HasSuffix(r.URL.Path, "/info") {
				asked.Add(1)
				answer = map[string]any{"DockerRootDir": "/var/lib/docker", "DriverStatus": [][2]string{{"driver-type", driver}}}
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer)
		}))
		s.Listener = l
		s.Start()
		return s
	}
	first := start()
	c, err := New("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 3 {
		if info, err := c.Info(t.Context()); err != nil || info.Store != Classic || info.Version != "20.10.24" || info.RootDir != "/var/lib/docker" {
			t.Fatalf("%+v, %v", info, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	first.CloseClientConnections()
	first.Close()
	driver = "io.containerd.snapshotter.v1"
	defer start().Close()
	if info, err := c.Info(t.Context()); err != nil || info.Store != Containerd {
		t.Errorf("after a restart: %+v, %v", info, err)
	}
}
