//go:build integration

package kill

import (
	"os"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// The Compose file was edited since the last deploy so that nothing starts by it. It runs
// alone: the file is all services'.
func TestAFileThatStartsNothingDoesNotKeepDownWhatRan(t *testing.T) {
	const service = "oa-event-flow"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	before := world.EnvLines(t, service)
	network, err := world.Master.Inspect(t.Context(), service, "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}")
	drive.Must(t, err)
	undo := drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
		name := "    container_name: " + world.Master.Container(service) + "\n"
		return strings.Replace(s, name, name+"    entrypoint: [/no-such-program]\n", 1)
	})
	defer undo()
	bad := world.Release(t, service, lab.Change{})
	a := world.DeployNow(t, service, bad)
	a.Want(t, contract.DecidedReverted, fault.ComposeFailed, 1)
	world.Lives(t, service, good)
	world.Clean(t, service)
	if now := world.EnvLines(t, service); now != before {
		t.Error("the env file is not as it was")
	}
	now, err := world.Master.Inspect(t.Context(), service, "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}")
	if err != nil || now != network {
		t.Errorf("it is on the networks %q (%v), was on %q", now, err, network)
	}
}

// A run is killed, the Compose file spoilt and every image pruned that nothing uses:
// recover needs none of them.
func TestRecoverNeedsNoFileAndNoName(t *testing.T) {
	const service = "oa-event-flow"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	bad := world.Release(t, service, lab.Change{})
	killedAt(t, killable(t), workload.PointSwitch, service, bad)
	world.Lives(t, service, bad)
	_, err := world.Engine.Docker(t.Context(), "image", "prune", "-af")
	drive.Must(t, err)
	undo := drive.EditFile(t, world.Master.ComposeFile(), func(string) string { return "services: {image: [}\n" })
	done := recoverAll(t, service)
	undo()
	if len(done) != 1 || done[0].Action != contract.TookBack || done[0].Commit.String() != bad {
		t.Errorf("recover: %+v", done)
	}
	world.Lives(t, service, good)
	world.Clean(t, service)
}

// A person prunes the containers, and so the holder, and the images: a deploy of the
// proven commit is the way out.
func TestADeployOfTheProvenCommitBringsItsImageBack(t *testing.T) {
	const service = "oa-event-flow"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	bad := world.Release(t, service, lab.Change{})
	killedAt(t, killable(t), workload.PointSwitch, service, bad)
	_, err := world.Engine.Docker(t.Context(), "rm", "unidesk-keep-"+world.Master.Container(service))
	drive.Must(t, err)
	_, err = world.Engine.Docker(t.Context(), "image", "prune", "-af")
	drive.Must(t, err)
	world.DeployNow(t, service, good).Exits(t, 0)
	world.Lives(t, service, good)
	world.Clean(t, service)
	if left, err := os.ReadDir(world.Controller.State + "/changes"); err != nil || strings.Contains(names(left), ".secret.") || strings.Contains(names(left), ".pending.") {
		t.Errorf("%v: %s", err, names(left))
	}
}

func names(entries []os.DirEntry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}
