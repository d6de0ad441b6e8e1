//go:build integration

package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// planned are the details of a plan's checks that warn, by name.
func planned(t *testing.T, service, commit string) map[string]string {
	t.Helper()
	a := world.Run(t, "artifact-registry", "deploy-service", "--service", service, "--commit", commit)
	a.Want(t, contract.DecidedReady, "", 0)
	warns := map[string]string{}
	for _, c := range a.Result.Plan.Checks {
		if c.Warning {
			warns[c.Name] = c.Detail
		}
	}
	return warns
}

// A plan and a run warn that they bring an edit of the Compose file live. A network that
// Compose cannot replace is a refusal: the service would be down.
func TestWhatWasEditedSinceTheLastDeployIsNamed(t *testing.T) {
	const service, check = "project-manager", "compose definition"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	next := world.Release(t, service, lab.Change{})
	if warns := planned(t, service, next); warns[check] != "" {
		t.Errorf("nothing was edited: %s", warns[check])
	}
	undo := drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
		return strings.Replace(s, "\n  "+service+":\n", "\n  "+service+":\n    shm_size: 65m\n", 1)
	})
	defer undo()
	if warns := planned(t, service, next); !strings.Contains(warns[check], "is not what container "+world.Master.Container(service)+" was made from") {
		t.Errorf("the service was edited: %q", warns)
	}
	a := world.DeployNow(t, service, next)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if !slices.ContainsFunc(a.Result.Warnings, func(s string) bool { return strings.HasPrefix(s, check+" is not what") }) {
		t.Errorf("the run does not report it: %q", a.Result.Warnings)
	}
	// The edit is live, and was not when the good version was proven.
	if warns := planned(t, service, good); !strings.HasPrefix(warns[check], "is not what it was when "+good[:12]+" was proven") {
		t.Errorf("going back to before the edit: %q", warns)
	}

	network, guest := world.Master.Project+"_default", world.Master.Prefix+"guest"
	_, err := world.Engine.Docker(t.Context(), "run", "-d", "--name", guest, "--network", network, "-e", "UNIDESK_SERVICE=frontend", world.Master.Image(service))
	drive.Must(t, err)
	defer func() {
		_, err := world.Engine.Docker(t.Context(), "rm", "-f", guest)
		drive.Must(t, err)
	}()
	defer drive.EditFile(t, world.Master.ComposeFile(), func(s string) string { return s + "\nnetworks:\n  default: {labels: {team: x}}\n" })()
	for _, flags := range [][]string{nil, {"--run-now"}} {
		a := world.Run(t, append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", good}, flags...)...)
		a.Want(t, contract.DecidedBlocked, fault.WorkloadUnfit, 3)
		if c, _ := proof.Blocking(a.Result.Plan.Checks); c.Name != "compose network "+network || !strings.Contains(c.Detail, guest) {
			t.Errorf("%+v", c)
		}
	}
	world.Lives(t, service, next)
}

// A plan names what has a namespace or a volume of the service, and a run what it cut off.
func TestAPlanNamesWhatSharesWithTheService(t *testing.T) {
	const service = "frontend"
	name := world.Master.Container(service)
	undo := drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
		s = strings.Replace(s, "\n  "+service+":\n", "\n  "+service+":\n    ipc: shareable\n    volumes: [\"shared:/shared\"]\n", 1)
		for side, shares := range map[string]string{
			"network": "network_mode: \"service:" + service + "\"", "ipc": "ipc: \"service:" + service + "\"",
			"pid": "pid: \"service:" + service + "\"", "data": "volumes: [\"shared:/shared\"]",
		} {
			s = strings.Replace(s, "\nservices:\n", "\nservices:\n  side-"+side+": {image: \""+world.Master.Image(service)+"\", container_name: "+name+"-"+side+
				", environment: {UNIDESK_SERVICE: frontend, PORT: \"9998\"}, "+shares+"}\n", 1)
		}
		return strings.Replace(s, "\nvolumes:\n", "\nvolumes:\n  shared:\n", 1)
	})
	defer undo()
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	next := world.Release(t, service, lab.Change{})
	sides := []string{"side-data", "side-ipc", "side-network", "side-pid"}
	_, err := world.Master.Compose(t.Context(), append([]string{"up", "-d", "--no-deps", "--pull", "never"}, sides...)...)
	drive.Must(t, err)
	defer func() {
		_, err := world.Master.Compose(t.Context(), append([]string{"rm", "--stop", "--force"}, sides...)...)
		drive.Must(t, err)
	}()

	warns := planned(t, service, next)
	if want := name + "-ipc shares its ipc, " + name + "-network shares its network, " + name + "-pid shares its pid: "; !strings.HasPrefix(warns["neighbours"], want) {
		t.Errorf("%q, want %q", warns["neighbours"], want)
	}
	if want := name + "-data shares volume " + world.Master.Project + "_shared"; !strings.HasPrefix(warns["shared volumes"], want) {
		t.Errorf("%q, want %q", warns["shared volumes"], want)
	}
	out := text(t, "artifact-registry", "deploy-service", "--service", service, "--commit", next)
	if !strings.Contains(out, "! neighbours "+name+"-ipc") || !strings.Contains(out, "! shared volumes "+name+"-data") {
		t.Errorf("the plan as text:\n%s", out)
	}
	a := world.DeployNow(t, service, next)
	a.Want(t, contract.DecidedDegraded, "", 4)
	if hints := strings.Join(a.Result.Hints, "\n"); strings.Count(hints, "--force-recreate side-") != 3 || strings.Contains(hints, "side-data") {
		t.Errorf("the run names what to repair:\n%s", hints)
	}
	world.Lives(t, service, next)
}
