package lab

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Elsewhere is a producer's machine that is not this machine.
type Elsewhere struct {
	// Exec makes a command that runs there; docker is among its programs.
	Exec func(ctx context.Context, argv ...string) *exec.Cmd
	// Dial connects from there.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Registry is host:port of the registry, as it is called there.
	Registry string
}

// NewCI is a producer that builds and pushes on another host; what it keeps is in dir,
// on this host.
func NewCI(ctx context.Context, dir string, at Elsewhere) (*CI, error) {
	repo, err := findRepo()
	if err != nil {
		return nil, err
	}
	c, err := newCI(ctx, filepath.Join(repo, "sample"), dir, "elsewhere")
	if err != nil {
		return nil, err
	}
	c.builder = &Engine{Private: true, enter: at.Exec}
	c.registry = &Registry{Addr: at.Registry}
	c.transport = &http.Transport{DialContext: at.Dial}
	return c, nil
}

// dockerThere runs docker on the engine's own host.
func (e *Engine) dockerThere(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	var stdout, stderr strings.Builder
	cmd := e.enter(ctx, append([]string{"env", "DOCKER_BUILDKIT=0", "docker"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Build builds the context in dir, which the engine's host need not see.
func (e *Engine) Build(ctx context.Context, dir string, args ...string) error {
	args = append([]string{"build", "--quiet"}, args...)
	if e.enter == nil {
		_, err := e.Docker(ctx, append(args, dir)...)
		return err
	}
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		err := t.AddFS(os.DirFS(dir))
		if err == nil {
			err = t.Close()
		}
		_ = w.CloseWithError(err) // it returns nil always
	}()
	_, err := e.dockerThere(ctx, r, append(args, "-")...)
	_ = r.Close() // ends the writer if docker did not read to the end
	return err
}
