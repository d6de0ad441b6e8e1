//go:build integration

package kill

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// What a killed run left on D601 is hinted at from what the master knows, seen by
// doctor, and ended by recover. It runs alone: others' recover would end it, too.
func TestRecoverEndsWhatIsLeftOnD601(t *testing.T) {
	const service = "findjob"
	runs := func() string {
		t.Helper()
		commit, err := world.Builder.Docker(t.Context(), "inspect", "--type", "container", "--format",
			`{{index .Config.Labels "org.opencontainers.image.revision"}}`, world.Master.Container(service))
		drive.Must(t, err)
		return strings.TrimSpace(commit)
	}
	hinted := func() bool {
		t.Helper()
		return strings.Contains(world.Run(t, "history").Stderr, "D601 may have a change that is not confirmed")
	}
	old := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, old).Want(t, contract.DecidedSucceeded, "", 0)
	if hinted() {
		t.Error("a deploy that ended is hinted at")
	}
	next := world.Release(t, service, lab.Change{})
	killedAt(t, killable(t), workload.PointSwitch, service, next)
	if now := runs(); now != next {
		t.Fatalf("killed too early to judge: %s runs", now)
	}
	if !hinted() {
		t.Error("no hint of a change on D601")
	}
	var seen struct {
		Findings []struct{ Group, Check, Level, What string }
	}
	drive.Must(t, json.Unmarshal(world.Run(t, "doctor").Stdout, &seen))
	left := 0
	for _, f := range seen.Findings {
		if f.Group == "host D601" && f.Check == "leftovers" && f.Level == "fault" && strings.Contains(f.What, next[:12]) {
			left++
		}
	}
	if left != 1 {
		t.Errorf("doctor: %+v", seen.Findings)
	}
	if done := recoverAll(t, service); len(done) != 1 || done[0].Action != contract.TookBack || done[0].Commit.String() != next {
		t.Errorf("recover: %+v", done)
	}
	if now := runs(); now != old {
		t.Errorf("%s runs, want %s", now, old)
	}
	if left := recoverAll(t, service); len(left) > 0 || hinted() {
		t.Errorf("recover again: %+v", left)
	}
	world.DeployNow(t, service, next).Want(t, contract.DecidedSucceeded, "", 0)
}
