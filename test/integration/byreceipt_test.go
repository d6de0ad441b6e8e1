//go:build integration

package integration

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// plan is a plan for a commit of a service.
func plan(t *testing.T, service, commit string) drive.Answer {
	t.Helper()
	return world.Run(t, "artifact-registry", "deploy-service", "--service", service, "--env", "prod", "--commit", commit)
}

// A proven version goes live again while ssh to D601 is refused, while the registry is
// down, and when the registry lost its manifest; a version that was never proven does not.
func TestAProvenVersionComesBackWithoutTheRegistry(t *testing.T) {
	for _, service := range []string{"oa-event-flow", "findjob"} {
		t.Run(service, func(t *testing.T) {
			var proven [2]lab.Summary
			for i := range proven {
				proven[i] = drive.Release(t, world.CI, service, lab.Change{})
				world.DeployNow(t, service, proven[i].SourceCommit).Want(t, contract.DecidedSucceeded, "", 0)
			}
			never := world.Release(t, service, lab.Change{})

			t.Run("the registry is down", func(t *testing.T) {
				drive.Must(t, world.Registry.Stop())
				defer func() { drive.Must(t, world.Registry.Start(t.Context())) }()
				comesBack(t, service, proven[0], contract.NotAsked)
				plan(t, service, never).Want(t, contract.DecidedFailed, fault.RegistryUnavailable, 1)
			})
			t.Run("the manifest is deleted", func(t *testing.T) {
				drive.Must(t, world.CI.Delete(t.Context(), proven[1]))
				comesBack(t, service, proven[1], contract.NoLongerHas)
			})
			if service == "findjob" {
				return // without ssh nothing runs there
			}
			t.Run("ssh is refused", func(t *testing.T) {
				drive.Must(t, world.SSH.Stop())
				world.SSH.Link.Cut()
				defer func() { drive.Must(t, world.SSH.Start(t.Context())) }()
				comesBack(t, service, proven[0], contract.NotAsked)
				plan(t, service, never).Want(t, contract.DecidedFailed, fault.HostUnreachable, 1)
			})
		})
	}
}

// comesBack goes back to a version by its receipt, which the registry does not resolve.
func comesBack(t *testing.T, service string, to lab.Summary, registry string) {
	t.Helper()
	p := plan(t, service, to.SourceCommit)
	p.Want(t, contract.DecidedReady, "", 0)
	by := p.Result.Plan.ByReceipt
	if by == nil || by.Registry != registry || p.Result.Plan.Manifest.String() != to.Digest {
		t.Fatalf("it rests on %+v", by)
	}
	if got := offered(t, service, to.SourceCommit); got != registry {
		t.Errorf("rollback: the way back rests on %q, want %q", got, registry)
	}
	r := world.DeployNow(t, service, to.SourceCommit)
	r.Want(t, contract.DecidedSucceeded, "", 0)
	if r.Result.Receipt.ByReceipt != by.Receipt || len(r.Result.Evidence) == 0 {
		t.Errorf("receipt %+v", r.Result.Receipt)
	}
	lives(t, service, to.SourceCommit)
}

// offered is what rollback's command for a commit rests on, beside the registry.
func offered(t *testing.T, service, commit string) string {
	t.Helper()
	var options struct {
		Candidates []struct{ Commit, Command, ByReceipt string }
	}
	drive.Must(t, json.Unmarshal(world.Run(t, "rollback", "--service", service).Stdout, &options))
	for _, c := range options.Candidates {
		if c.Commit == commit && strings.Contains(c.Command, commit) {
			return c.ByReceipt
		}
	}
	return "no command for " + commit
}

// lives checks, without the product, which commit the service's container is, on
// whichever host.
func lives(t *testing.T, service, commit string) {
	t.Helper()
	if service != "findjob" {
		world.Lives(t, service, commit)
		return
	}
	label, err := world.Builder.Docker(t.Context(), "inspect", "--type", "container", "--format",
		`{{index .Config.Labels "org.opencontainers.image.revision"}}`, world.Master.Container(service))
	if err != nil || strings.TrimSpace(label) != commit {
		t.Errorf("findjob runs %q (%v), want %s", label, err, commit)
	}
}

// What is not there any more is refused, with the time of its proof. Once a person loads
// the image again it is a version to go back to.
func TestAProvenVersionWhoseImageIsGoneIsSaidToBe(t *testing.T) {
	const service = "oa-event-flow"
	old := drive.Release(t, world.CI, service, lab.Change{})
	world.DeployNow(t, service, old.SourceCommit).Want(t, contract.DecidedSucceeded, "", 0)
	world.DeployNow(t, service, world.Release(t, service, lab.Change{})).Want(t, contract.DecidedSucceeded, "", 0)
	drive.Must(t, world.CI.Delete(t.Context(), old))
	name, saved := world.Master.Image(service)+":"+old.SourceCommit, filepath.Join(t.TempDir(), "image.tar")
	id, err := world.Engine.Docker(t.Context(), "image", "inspect", "--format", "{{.Id}}", name)
	drive.Must(t, err)
	for _, args := range [][]string{{"save", "--output", saved, name}, {"rmi", "--force", strings.TrimSpace(id)}} { // with all its names
		_, err := world.Engine.Docker(t.Context(), args...)
		drive.Must(t, err)
	}
	a := plan(t, service, old.SourceCommit)
	a.Want(t, contract.DecidedBlocked, fault.ArtifactNotFound, 3)
	for _, part := range []string{"it was proven in prod", "master's engine does not have the image"} {
		if !strings.Contains(a.Result.Failure.Message, part) {
			t.Errorf("%q is not in: %s", part, a.Result.Failure.Message)
		}
	}
	if got := offered(t, service, old.SourceCommit); !strings.HasPrefix(got, "no command") {
		t.Errorf("rollback offers it, resting on %q", got)
	}
	_, err = world.Engine.Docker(t.Context(), "load", "--input", saved)
	drive.Must(t, err)
	plan(t, service, old.SourceCommit).Want(t, contract.DecidedReady, "", 0)
}
