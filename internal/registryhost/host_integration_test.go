//go:build integration

package registryhost

import (
	"bytes"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// The engine here has no network to publish on, so this process is the registry's
// API, and the container is only made: it publishes nothing.
func TestARealHostIsReadWell(t *testing.T) {
	dir, err := os.MkdirTemp("", "host") //nolint:usetesting // a socket's path has at most 107 bytes
	check(t, err)
	e, err := lab.StartBuilder(t.Context(), dir+"/none", dir, dir)
	check(t, err)
	t.Cleanup(func() {
		check(t, e.Close())
		_ = os.RemoveAll(dir)
	})
	docker := func(stdin []byte, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "docker", append([]string{"-H", e.Host}, args...)...)
		cmd.Stdin = bytes.NewReader(stdin)
		var warnings bytes.Buffer // for example, of a kernel that does not forward
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("docker %q: %v: %s", args, err, warnings.Bytes())
		}
		return strings.TrimSpace(string(out))
	}
	root, s := settings(t)
	h := New([]string{root}, e.Host)
	s.Image = "127.0.0.1:1/registry:2.8.3"
	f, err := h.Inspect(t.Context(), s)
	if err != nil || f.Engine == nil || f.Engine.Version == "" || f.Engine.HasImage || f.Container != nil {
		t.Fatalf("nothing there: %+v, %v", f, err)
	}
	if pulled, err := h.HaveImage(t.Context(), s.Image); fault.ReasonOf(err) != fault.ImageUnavailable || !pulled {
		t.Errorf("an image that cannot be had: %v, %v", pulled, err)
	}
	empty := make([]byte, 1024) // a tar of nothing
	docker(empty, "import", "-", s.Image)
	if pulled, err := h.HaveImage(t.Context(), s.Image); pulled || err != nil {
		t.Errorf("an image that is there: %v, %v", pulled, err)
	}
	began := time.Now()
	id := docker(nil, "create", "--name", registry.Container, "--label", "com.docker.compose.project="+registry.Project,
		"-p", s.Endpoint.String()+":5000", s.Image, "/none")
	l := mute(t, "tcp", s.Endpoint.String())
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	if made, err := h.MakeFolder(t.Context(), s.Storage); !made || err != nil {
		t.Fatal(made, err)
	}
	if f, err = h.Inspect(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Logf("not read: %q", f.Unread)
	c := f.Container
	if !f.Engine.HasImage || c == nil || c.ID != id || c.State != "created" || c.Image != s.Image || c.Project != registry.Project ||
		len(c.Published) > 0 || !slices.Equal(f.Listeners, []netip.AddrPort{s.Endpoint}) || !strings.HasPrefix(c.ImageID, "sha256:") {
		t.Errorf("%+v\n%+v", f, c)
	}
	if c != nil && (c.Created.IsZero() || c.Created.Before(began) || c.Created.After(time.Now())) {
		t.Errorf("made at %v", c.Created)
	}
	if f.API.Status != http.StatusOK || !f.Storage.Exists {
		t.Errorf("%+v", f)
	}
}
