//go:build integration

// Package canary tries, in a world of its own, that no secret is ever printed, and the
// commands for people that print the most: doctor, rollback and logs.
package canary

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
