//go:build integration

package kill

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// Runs crashed between their settlements and the removal of what held the old images, on
// the master and on D601: doctor names both containers, recover removes them. It runs
// alone: others' recover would do so, too.
func TestRecoverRemovesWhatHoldsAnImage(t *testing.T) {
	where := map[string]*lab.Engine{"oa-event-flow": world.Engine, "findjob": world.Builder}
	for service, engine := range where {
		world.DeployNow(t, service, world.Release(t, service, lab.Change{})).Want(t, contract.DecidedSucceeded, "", 0)
		name := world.Master.Container(service)
		image, err := engine.Docker(t.Context(), "inspect", "--type", "container", "--format", "{{.Image}}", name)
		drive.Must(t, err)
		_, err = engine.Docker(t.Context(), "create", "--name", "unidesk-keep-"+name, "--label", "unidesk.keep=of-a-change-that-is-over", strings.TrimSpace(image), "/never-started")
		drive.Must(t, err)
	}
	named := func() (list []string) {
		t.Helper()
		var seen struct {
			Findings []struct{ Check, What string }
		}
		drive.Must(t, json.Unmarshal(world.Run(t, "doctor").Stdout, &seen))
		for _, f := range seen.Findings {
			if strings.Contains(f.What, "unidesk-keep-") {
				list = append(list, f.Check)
			}
		}
		return list
	}
	if found := named(); len(found) != 2 {
		t.Errorf("doctor names %q", found)
	}
	for service := range where {
		if done := recoverAll(t, service); len(done) > 0 && done[0].Action != contract.Released {
			t.Errorf("recover: %+v", done)
		}
	}
	if found := named(); len(found) > 0 {
		t.Errorf("doctor names %q still", found)
	}
	for service, engine := range where {
		left, err := engine.Docker(t.Context(), "ps", "-aq", "--filter", "name=unidesk-keep-"+world.Master.Container(service))
		if err != nil || strings.TrimSpace(left) != "" {
			t.Errorf("%s: %q is left (%v)", service, left, err)
		}
	}
}
