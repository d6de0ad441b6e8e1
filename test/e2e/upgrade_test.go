//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// before is the last commit without a journal of runs, status, notices, metrics and the page. Its
// packages are the oldest that an upgrade is tried from.
const before = "773cc84de76883a5c2935f65376f906d5a3c8e55"

// builtBefore builds the controller's package and the agent of that commit, and returns the
// package's file. The agent lies on the master as /root/unidesk-agent-before.
func builtBefore(t *testing.T) (deb string) {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "tree")
	for _, args := range [][]string{
		{"git", "clone", "--quiet", "--shared", "--no-checkout", ".", tree},
		{"git", "-C", tree, "checkout", "--quiet", before},
		{"make", "-C", tree, "deb", "build", "VERSION=v0.9.0"},
	} {
		if _, err := build(t.Context(), args[0], args[1:]...); err != nil {
			t.Fatalf("%v (the whole history is needed: git fetch --unshallow)", err)
		}
	}
	must(t, two.Master.CopyIn(t.Context(), filepath.Join(tree, "bin/unidesk-agent"), "/root/unidesk-agent-before", 0o755))
	return filepath.Join(tree, "dist/unidesk-controller_0.9.0_"+runtime.GOARCH+".deb")
}

// deployedByOlder deploys with the controller of before, whose JSON has another form.
func deployedByOlder(t *testing.T, config, service, commit string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := deployCommand(t, service, commit, "--config", config)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var result struct{ Decision contract.Decision }
	if err := errors.Join(err, json.Unmarshal(stdout.Bytes(), &result)); err != nil || result.Decision != contract.DecidedSucceeded {
		t.Fatalf("%s: %v: %s\n%s", service, err, stdout.Bytes(), stderr.Bytes())
	}
}

// Both programs are upgraded from the packages of before, the controller first, with a change
// that no run settled on either host. What the older programs wrote is read: the changes are
// reverted, the receipts are shown and rolled back to. In between the newer controller works
// with the older agent, and after it the older controller with the newer agent.
func TestAnUpgradeKeepsWhatWasLeft(t *testing.T) {
	const here, there = "project-manager", "pipeline"
	must(t, packages())
	deb := builtBefore(t)
	config := hurried(t)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		on := func(args ...string) {
			if out, err := two.Master.Exec(ctx, args...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		on("dpkg", "--purge", "unidesk-controller")
		must(t, two.furnishMaster(ctx))
		on("unidesk-controller", "--config", administrator, "host", "bootstrap", "D601", "--agent", "/root/unidesk-agent")
	})
	install := func(deb string) {
		must(t, two.Master.CopyIn(t.Context(), deb, "/root/controller.deb", 0o644))
		if out, err := two.Master.Exec(t.Context(), "dpkg", "--force-confold", "--force-downgrade", "-i", "/root/controller.deb").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	bootstrap := func(agent string) {
		out, err := two.Master.Exec(t.Context(), "unidesk-controller", "--config", administrator, "host", "bootstrap", "D601", "--agent", agent).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	versions := func(controller, agent string) {
		t.Helper()
		out, _ := two.Master.Output(t.Context(), "unidesk-controller", "--config", config, "version")
		list, _ := two.Master.Output(t.Context(), "unidesk-controller", "--config", config, "host", "list")
		if !strings.Contains(out, controller) || !strings.Contains(list, agent) {
			t.Fatalf("the controller is %s and the agents are %s; want %s and %s", out, list, controller, agent)
		}
	}
	runs := map[string]func(service, commit string) string{
		here:  func(service, commit string) string { return runningOnMaster(t, service, commit) },
		there: func(service, commit string) string { return runningOnD601(t, service, commit) },
	}
	lives := func(service, commit string) {
		t.Helper()
		if wrong := runs[service](service, commit); wrong != "" {
			t.Error(wrong)
		}
	}

	install(deb)
	bootstrap("/root/unidesk-agent-before")
	versions("v0.9.0", "v0.9.0")
	good, next := map[string]string{}, map[string]string{}
	for service, running := range runs {
		good[service], next[service] = release(t, service, lab.Change{}).SourceCommit, release(t, service, lab.Change{}).SourceCommit
		deployedByOlder(t, config, service, good[service])
		begin(t, deployCommand(t, service, next[service], "--config", config)).killedInSwitch(t, service, next[service], running)
	}

	install(filepath.Join(repo, "dist", "unidesk-controller_"+newer+"_"+runtime.GOARCH+".deb"))
	versions("v"+newer, "v0.9.0")
	var recovered struct{ Items []contract.Recovery }
	must(t, json.Unmarshal(controller(t, "--config", config, "recover").stdout, &recovered))
	if len(recovered.Items) != len(runs) || slices.ContainsFunc(recovered.Items, func(r contract.Recovery) bool { return r.Action != contract.TookBack }) {
		t.Errorf("recover came to %+v", recovered.Items)
	}
	for service := range runs {
		lives(service, good[service])
		controller(t, "--config", config, "verify", "--service", service).want(t, contract.DecidedUnchanged, "", 0)
		// The newer controller, the older agent.
		a := deployNow(t, service, next[service], "--config", config)
		if f := a.result.Failure; a.exit != 0 && (service == here || f == nil || f.Reason != fault.CapabilityMissing || a.result.Mutated) {
			t.Errorf("%s: exit %d: %s\n%s", service, a.exit, a.stdout, a.stderr)
		}
	}
	bootstrap("/root/unidesk-agent")
	versions("v"+newer, "e2e")
	for service := range runs {
		if a := deployNow(t, service, next[service], "--config", config); a.exit != 0 {
			t.Errorf("%s: exit %d: %s\n%s", service, a.exit, a.stdout, a.stderr)
		}
		lives(service, next[service])
		var past struct{ Items []inventory.Past }
		must(t, json.Unmarshal(controller(t, "--config", config, "history", "--service", service).stdout, &past))
		i := slices.IndexFunc(past.Items, func(r inventory.Past) bool { return r.Commit.String() == good[service] })
		if i < 0 {
			t.Fatalf("%s: no receipt of before in %+v", service, past.Items)
		}
		if a := controller(t, "--config", config, "history", "show", past.Items[i].ID); a.exit != 0 || !strings.Contains(string(a.stdout), good[service]) {
			t.Errorf("history show: exit %d: %s%s", a.exit, a.stdout, a.stderr)
		}
		controller(t, "--config", config, "rollback", "--service", service, "--to", good[service], "--run-now").want(t, contract.DecidedSucceeded, "", 0)
		lives(service, good[service])
	}

	// The older controller, the newer agent, as it is while agents are upgraded first.
	install(deb)
	versions("v0.9.0", "e2e")
	for service := range runs {
		deployedByOlder(t, config, service, next[service])
		lives(service, next[service])
	}
}
