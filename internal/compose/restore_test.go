package compose

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// The engine's error quotes the values that it was given. The old container had another
// secret than the env file has today.
func TestAFailedRevertTellsNoFormerSecret(t *testing.T) {
	t.Parallel()
	r := fake(t, "SECRET=hunter3\n", "")
	r.engine = machine{err: fault.New(fault.EngineFailed, "no start with hunter2 or hunter3")}
	before, err := State{Container: "old", ImageID: "image", Known: true}.Join([]byte(`{"config":{"Env":["SECRET=hunter2"]},"host":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	err = r.Restore(t.Context(), sample(), workload.Change{ID: "b"}, before, nil, func(workload.Event) {})
	if err == nil || strings.Contains(err.Error()+fault.HintOf(err), "hunter") || !strings.Contains(err.Error(), "no start with") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}
