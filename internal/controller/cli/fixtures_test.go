package cli

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// described is an agent that only describes itself, after a while.
type described struct {
	rpc.Description
	ahead, takes time.Duration
}

// Describe implements rpc.Host.
func (d described) Describe(context.Context) (rpc.Description, error) {
	time.Sleep(d.takes / 2)
	d.Time = time.Now().Add(d.ahead)
	time.Sleep(d.takes / 2)
	return d.Description, nil
}

// hangingSSH returns an ssh_config with which ssh connects to a process that never answers.
func hangingSSH(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ssh_config")
	if err := os.WriteFile(path, []byte("Host *\n  ProxyCommand sleep infinity\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
