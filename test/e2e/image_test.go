//go:build e2e

package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// noted is the service that large images are made for: it does not know its
// commit, so an image of another commit needs no build.
const noted = "todo-note"

// aCommit is the id of an unused commit.
func aCommit(t *testing.T) string {
	t.Helper()
	id := make([]byte, 20)
	_, err := rand.Read(id)
	must(t, err)
	return hex.EncodeToString(id)
}

// small is todo-note as it is built, the base of larger images.
func small(t *testing.T) lab.Summary {
	t.Helper()
	if two.small.SourceCommit == "" {
		two.small = release(t, noted, lab.Change{})
	}
	return two.small
}

// layered publishes todo-note with layers below its own. Nothing in them has been
// in another image.
func layered(t *testing.T, how lab.Compression, layers ...lab.Layer) lab.Summary {
	t.Helper()
	for i := range layers {
		two.seed++
		layers[i].Name, layers[i].Seed = fmt.Sprintf("below%d", i), two.seed
	}
	s, err := two.ci.PushLayered(t.Context(), small(t), aCommit(t), how, layers...)
	must(t, err)
	return s
}

// topped publishes an image with another layer on top.
func topped(t *testing.T, from lab.Summary, top lab.Layer) lab.Summary {
	t.Helper()
	s, err := two.ci.PushTopped(t.Context(), from, aCommit(t), lab.Gzip, top)
	must(t, err)
	return s
}

// sizeOf returns the sum of an image's layers as they are stored, and the last layer's size.
func sizeOf(t *testing.T, s lab.Summary) (all, top int64) {
	t.Helper()
	manifest, err := imageOf(t, s.ServiceID, s.SourceCommit).Manifest()
	must(t, err)
	for _, l := range manifest.Layers {
		all, top = all+l.Size, l.Size
	}
	return all, top
}

// forget takes a service and all that is left of its images off the master: the next
// deploy is a first deploy.
func forget(t *testing.T, service string) {
	t.Helper()
	_, _ = docker(t, "rm", "--force", containers()[service].name)
	_, err := docker(t, "system", "prune", "--all", "--force")
	must(t, err)
	_, err = two.Master.Output(t.Context(), "rm", "-rf", state+"/spool", state+"/cache")
	must(t, err)
	_, err = two.Master.Output(t.Context(), "sync")
	must(t, err)
}
