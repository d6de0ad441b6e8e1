//go:build integration

// Package kill tries what must hold however a deploy ends, in a world of its own:
// killed at any point, stopped by hand, or with a version that does not work.
package kill

import (
	"os"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

var world *drive.World

func TestMain(m *testing.M) {
	os.Exit(drive.Main(func(w *drive.World) int {
		world = w
		return m.Run()
	}))
}
