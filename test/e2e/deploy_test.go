//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// The main job, with the built-in catalog: a commit's image becomes the live service
// over a single ssh connection.
func TestACommitGoesLiveAcrossTwoHosts(t *testing.T) {
	const service = "baidu-netdisk"
	layers := []lab.Layer{{Name: "base", Size: 24 << 20, Noise: 40, Seed: 1}, {Name: "top", Size: 4 << 20, Noise: 40, Seed: 2}}
	first := release(t, service, lab.Change{Layers: layers}).SourceCommit

	one := deployNow(t, service, first)
	one.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, service, first)
	crossed(t, "the first commit", one)

	layers[1].Edit = "one line changed"
	second := release(t, service, lab.Change{Layers: layers}).SourceCommit
	two := deployNow(t, service, second)
	two.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, service, second)
	crossed(t, "the second commit", two)
	if b := two.result.Bytes; b.Needed > b.Image/2 {
		t.Errorf("%d of %d bytes were needed after a change in the top layer", b.Needed, b.Image)
	}

	before := inspect(t, containers()[service].name, "{{.Id}} {{.State.StartedAt}}")
	again := deployNow(t, service, second)
	again.want(t, contract.DecidedUnchanged, "", 0)
	if after := inspect(t, containers()[service].name, "{{.Id}} {{.State.StartedAt}}"); after != before {
		t.Errorf("unchanged, and yet another container runs: %s, was %s", after, before)
	}
	if again.result.Changed || again.result.Mutated || again.result.Receipt != nil || len(again.result.Evidence) == 0 {
		t.Errorf("unchanged: %s", again.stdout)
	}

	back := strings.Fields(two.result.Rollback.String())
	if len(back) == 0 || back[0] != "unidesk-controller" {
		t.Fatalf("rollback %q", two.result.Rollback)
	}
	gone := controller(t, back[1:]...)
	gone.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, service, first)
	controller(t, "verify", "--service", service).want(t, contract.DecidedUnchanged, "", 0)
}

// crossed checks what went over the connection: the layers that were needed, once.
func crossed(t *testing.T, what string, a answer) {
	t.Helper()
	b := a.result.Bytes
	if b == nil || b.Needed == 0 || b.Received < b.Needed || b.Received+b.Sent > allowed(b.Needed) {
		t.Errorf("%s: %+v crossed, at most %d", what, b, allowed(b.Needed))
	}
	t.Logf("%s: image %s, needed %s, ssh's payload %s", what, mb(b.Image), mb(b.Needed), mb(b.Received+b.Sent))
}

// allowed is the most that may cross for so many bytes of layers.
func allowed(layers int64) int64 { return layers*1005/1000 + 128<<10 }

// A version that answers well and then ends is found out while it must be steady.
func TestACommitThatCrashesLaterReverts(t *testing.T) {
	const service = "baidu-netdisk"
	good := release(t, service, lab.Change{}).SourceCommit
	deployNow(t, service, good).want(t, contract.DecidedSucceeded, "", 0)
	env := readMaster(t, envFile)

	bad := release(t, service, lab.Change{Behaviour: "crash-later"}).SourceCommit
	a := deployNow(t, service, bad)
	a.want(t, contract.DecidedReverted, fault.NotProven, 1)
	lives(t, service, good)
	if readMaster(t, envFile) != env {
		t.Error("the env file is not as it was")
	}
	if len(a.result.Failure.Logs) == 0 {
		t.Error("the broken container's last lines are not shown")
	}
}
