//go:build integration

package stage_test

import (
	"os"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// realEngine is the address of an engine that nothing else uses, for these tests count
// and remove all of its images.
func realEngine(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "stage") //nolint:usetesting // a socket's path has at most 107 bytes
	if err != nil {
		tb.Fatal(err)
	}
	e, err := lab.StartBuilder(tb.Context(), dir+"/none", dir, dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	return e.Host
}

func newEngine(tb testing.TB, host string) *engine.Client {
	tb.Helper()
	c, err := engine.New(host)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}
