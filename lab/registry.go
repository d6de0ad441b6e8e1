package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Registry is a CNCF Distribution registry on a loopback port, its storage in a folder
// that a test can reach.
type Registry struct {
	// Addr is host:port, the beginning of image references.
	Addr string

	program, dir string
	proc         *Proc
}

// StartRegistry starts the registry program with its storage in dir, on a free
// port, and waits until it answers.
func StartRegistry(ctx context.Context, program, dir string) (*Registry, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Registry{Addr: fmt.Sprintf("127.0.0.1:%d", port), program: program, dir: dir}
	config := fmt.Sprintf(`version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {addr: %q}
`, filepath.Join(dir, "storage"), r.Addr)
	if err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("configure the registry: %w", err)
	}
	return r, r.Start(ctx)
}

// URL is the registry's endpoint.
func (r *Registry) URL() string { return "http://" + r.Addr }

// Start starts it again after Stop, on the same port with the same storage.
func (r *Registry) Start(ctx context.Context) (err error) {
	r.proc, err = startProc(daemon{
		name: "registry", log: filepath.Join(r.dir, "registry.log"), env: cleanEnv(),
		argv: []string{r.program, "serve", filepath.Join(r.dir, "config.yml")},
	})
	if err != nil {
		return err
	}
	err = r.proc.Ready(ctx, 20*time.Second, func(ctx context.Context) error { return get(ctx, loopbackClient(), r.URL()+"/v2/") })
	if err != nil {
		return errors.Join(err, r.Stop())
	}
	return nil
}

// Stop ends the registry; what it stores stays.
func (r *Registry) Stop() error {
	if r == nil {
		return nil
	}
	return r.proc.Stop(10 * time.Second)
}

// Kill ends the registry as a crash does.
func (r *Registry) Kill() { r.proc.Kill() }

// BlobPath is where a blob ("sha256:...") lies on disk.
func (r *Registry) BlobPath(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return filepath.Join(r.dir, "storage/docker/registry/v2/blobs/sha256", hex[:2], hex, "data")
}

// Corrupt flips a bit in the middle of a stored blob: its size stays right and its
// digest does not, which no registry notices when it serves it.
func (r *Registry) Corrupt(digest string) error {
	path := r.BlobPath(digest)
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 0 {
		err = errors.New("it is empty")
	}
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("damage blob %s: %w", digest, err)
	}
	return nil
}
