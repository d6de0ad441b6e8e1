//go:build integration

// Package integration tries the product on the real things on a single machine: a
// Docker Engine with Compose, a CNCF Distribution registry, an OpenSSH server, an agent
// and images of pushed commits. Package lab brings them up. What takes long stands
// beside it, in packages kill and canary: the three run side by side.
package integration

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
