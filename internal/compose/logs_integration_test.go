//go:build integration

package compose_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// What the container was given is taken out of its output; what its image gives to
// everyone stays legible.
func TestOutputKeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "legible")
	in := w.deploy(0, "a")
	out, err := w.runtime().Logs(t.Context(), w.spec.Ref, nil, in.ID, workload.Tail{Lines: 10})
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(out.Lines, "\n")
	if !strings.Contains(said, "starting with [redacted]") || !strings.Contains(said, "mode legible") {
		t.Error(said)
	}
}
