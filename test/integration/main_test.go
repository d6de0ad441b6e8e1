//go:build integration

// Package integration tries the product on the real things on one machine: a
// Docker Engine with Compose, a CNCF Distribution registry, an OpenSSH server, an
// agent and images of pushed commits. Package lab brings them up.
package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// world is shared: tests that run at the same time use services of their own.
var world *lab.World

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // with cold caches
	defer cancel()
	var err error
	world, err = lab.Start(ctx, lab.Options{
		Log: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := hurry(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := world.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// hurry shortens the proof's times: what is tried here does not depend on them.
func hurry() error {
	path := filepath.Join(world.Controller.Config, "services.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	quick := strings.NewReplacer("stable: 5s", "stable: 1s", "timeout: 60s", "timeout: 9s").Replace(string(content))
	return os.WriteFile(path, []byte(quick), 0o600)
}
