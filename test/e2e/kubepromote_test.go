//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// promoteConfig is quickConfig with the gate promote on decision-center's prod.
const promoteConfig = "/etc/unidesk-promote"

// promoted brings a commit live in dev, then in prod, under the gate that makes this
// order a rule.
func (k *cluster) promoted(t *testing.T) {
	quick := readMaster(t, quickConfig+"/services.yaml")
	const row = "  decision-center:\n    shape: k3s\n    environments: {prod: {mode: live"
	if !strings.Contains(quick, row) {
		t.Fatal("the catalog has another row for decision-center")
	}
	must(t, put(t.Context(), two.Master,
		file{path: promoteConfig + "/controller.yaml", text: controllerConfig("D601")},
		file{path: promoteConfig + "/services.yaml", text: strings.Replace(quick, row, row+", gates: [promote]", 1)}))
	dev, prod := k.spec(t, "decision-center", artifact.Dev), k.spec(t, "decision-center", artifact.Prod)
	was := k.live(t, prod)
	v := release(t, "decision-center", lab.Change{})
	deploy := func(env artifact.Env, more ...string) answer {
		return deployNow(t, "decision-center", v.SourceCommit, append([]string{"--env", env.String(), "--config", promoteConfig}, more...)...)
	}
	deploy(artifact.Prod).want(t, contract.DecidedGated, fault.PromoteFirst, 3)
	k.runs(t, prod, was)
	deploy(artifact.Dev).want(t, contract.DecidedSucceeded, "", 0)
	k.runs(t, dev, v.SourceCommit)

	// The tag means another image for a while: dev has not proven that image.
	image := imageOf(t, "decision-center", v.SourceCommit)
	moved, err := two.ci.PushLayered(t.Context(), v, v.SourceCommit, lab.Gzip, lab.Layer{Name: "another", Size: 1 << 10})
	must(t, err)
	deploy(artifact.Prod).want(t, contract.DecidedBlocked, fault.TagMoved, 3)
	deploy(artifact.Prod, "--digest", moved.Digest).want(t, contract.DecidedGated, fault.PromoteFirst, 3)
	k.runs(t, prod, was)
	_, err = two.ci.PushImage(t.Context(), "decision-center", v.SourceCommit, image)
	must(t, err)
	deploy(artifact.Prod).want(t, contract.DecidedSucceeded, "", 0)
	k.runs(t, prod, v.SourceCommit)
}
