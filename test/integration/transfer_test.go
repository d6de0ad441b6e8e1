//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// large publishes a version of todo-note with a layer of 12 MB that compresses to
// about half, and another below it.
func large(t *testing.T, how lab.Compression, seed uint64) lab.Summary {
	t.Helper()
	from, err := world.CI.Release(t.Context(), "todo-note", lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	s, err := world.CI.PushLayered(t.Context(), from, fmt.Sprintf("%040x", time.Now().UnixNano()), how,
		lab.Layer{Name: "base", Size: 2 << 20, Noise: 50, Seed: seed}, lab.Layer{Name: "data", Size: 12 << 20, Noise: 50, Seed: seed + 1})
	drive.Must(t, err)
	return s
}

// A cut in the middle of a layer costs a reconnect and not the bytes.
func TestACutIsResumedWithinTheRun(t *testing.T) {
	s := large(t, lab.Gzip, 31)
	world.SSH.Link.CutAfter(4 << 20)
	a := world.DeployNow(t, "todo-note", s.SourceCommit)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if b := a.Result.Bytes; b.Received > b.Needed+b.Needed/10+256<<10 {
		t.Errorf("%d bytes crossed for %d needed: the cut cost more than what was in flight", b.Received, b.Needed)
	}
}

// crossed waits until so many bytes have come over the link.
func crossed(t *testing.T, bytes int64) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, down := world.SSH.Link.Bytes()
		if down > bytes {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%d bytes have crossed in five minutes, want %d", down, bytes)
			return
		}
	}
}

// A run that the host's death ended leaves what it has; the next run goes on.
func TestALaterRunGoesOnWhereTheLastOneEnded(t *testing.T) {
	s := large(t, lab.Gzip, 41)
	stopped := make(chan error, 1)
	_, before := world.SSH.Link.Bytes()
	go func() { // the host goes away in the middle, for longer than a run waits
		crossed(t, before+3<<20)
		err := world.SSH.Stop()
		world.SSH.Link.Cut()
		stopped <- err
	}()
	world.SSH.Link.SetRate(4 << 20)
	a := world.DeployNow(t, "todo-note", s.SourceCommit)
	world.SSH.Link.SetRate(0)
	drive.Must(t, <-stopped)
	drive.Must(t, world.SSH.Start(t.Context()))
	a.Want(t, contract.DecidedFailed, fault.HostUnreachable, 1)
	if !a.Result.Failure.Retry || !strings.Contains(a.Result.Failure.Next.String(), s.SourceCommit) {
		t.Errorf("failure %+v", a.Result.Failure)
	}
	again := world.DeployNow(t, "todo-note", s.SourceCommit)
	again.Want(t, contract.DecidedSucceeded, "", 0)
	if b := again.Result.Bytes; b.Needed >= b.Image {
		t.Errorf("%d of %d bytes were needed again", b.Needed, b.Image)
	}
}

// Layers in each form that registries hold; this engine may not know zstd itself.
func TestLayersOfEveryCompressionGoLive(t *testing.T) {
	for i, how := range []lab.Compression{lab.Gzip, lab.Zstd, lab.None} {
		s := large(t, how, uint64(51+10*i))
		world.DeployNow(t, "todo-note", s.SourceCommit).Want(t, contract.DecidedSucceeded, "", 0)
		world.Lives(t, "todo-note", s.SourceCommit)
	}
}

// Builders push an index with attestations: the engine's platform is taken, and
// both digests are recorded.
func TestAnIndexResolvesToTheEnginesPlatform(t *testing.T) {
	from, err := world.CI.Release(t.Context(), "frontend", lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	index, err := world.CI.PushIndex(t.Context(), from)
	drive.Must(t, err)
	a := world.DeployNow(t, "frontend", from.SourceCommit)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	image := a.Result.Receipt.Image
	if image.Index.String() != index.Digest || image.Manifest.String() != from.Digest {
		t.Errorf("index %s manifest %s, want %s and %s", image.Index, image.Manifest, index.Digest, from.Digest)
	}
	world.Lives(t, "frontend", from.SourceCommit)
	// The engine's own pull takes the same.
	rootfs := func(ref string) string {
		_, err := world.Builder.Docker(t.Context(), "pull", "--quiet", ref)
		drive.Must(t, err)
		out, err := world.Builder.Docker(t.Context(), "image", "inspect", "--format", "{{.RootFS.Layers}}", ref)
		drive.Must(t, err)
		return out
	}
	if own, ours := rootfs(index.DigestRef), rootfs(from.DigestRef); own != ours {
		t.Errorf("docker pull takes %s, this takes %s", own, ours)
	}
}

// A registry that is started again in the middle of a layer costs a wait and not the run.
func TestARegistryThatGoesAwayInMidBlobIsWaitedFor(t *testing.T) {
	from, err := world.CI.Release(t.Context(), "todo-note", lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	s, err := world.CI.PushLayered(t.Context(), from, fmt.Sprintf("%040x", time.Now().UnixNano()), lab.Gzip, lab.Layer{Name: "data", Size: 64 << 20, Noise: 100, Seed: 71})
	drive.Must(t, err)
	back := make(chan error, 1)
	_, before := world.SSH.Link.Bytes()
	world.SSH.Link.SetRate(4 << 20)
	go func() {
		crossed(t, before+3<<20)
		world.Registry.Kill()
		world.SSH.Link.SetRate(0)
		time.Sleep(8 * time.Second) // longer than a few retries
		back <- world.Registry.Start(t.Context())
	}()
	a := world.DeployNow(t, "todo-note", s.SourceCommit)
	drive.Must(t, <-back)
	world.SSH.Link.SetRate(0)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if b := a.Result.Bytes; b.Received > b.Needed+b.Needed/10+1<<20 {
		t.Errorf("%d bytes crossed for %d needed", b.Received, b.Needed)
	}
	world.Lives(t, "todo-note", s.SourceCommit)
}

// A prefetch makes the transfer, and the deploy after it only switches.
func TestADeployAfterAPrefetchMovesNoLayer(t *testing.T) {
	const service = "todo-note"
	before := large(t, lab.Gzip, 91)
	world.DeployNow(t, service, before.SourceCommit).Want(t, contract.DecidedSucceeded, "", 0)
	runs, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}")
	drive.Must(t, err)
	s := large(t, lab.Gzip, 95)
	first := world.Run(t, "artifact-registry", "prefetch", "--service", service, "--commit", s.SourceCommit)
	first.Want(t, contract.DecidedStaged, "", 0)
	if b := first.Result.Bytes; b.Needed == 0 || b.Received < b.Needed {
		t.Errorf("%d bytes crossed, %d were needed", b.Received, b.Needed)
	}
	again := world.Run(t, "artifact-registry", "prefetch", "--service", service, "--commit", s.SourceCommit)
	again.Want(t, contract.DecidedStaged, "", 0)
	if b := again.Result.Bytes; b.Needed != 0 || b.Received > 64<<10 {
		t.Errorf("%d bytes crossed for what is staged", b.Received)
	}
	if now, err := world.Master.Inspect(t.Context(), service, "{{.Id}} {{.State.StartedAt}}"); err != nil || now != runs {
		t.Errorf("the container is %s (%v), was %s", now, err, runs)
	}
	a := world.DeployNow(t, service, s.SourceCommit)
	a.Want(t, contract.DecidedSucceeded, "", 0)
	if b := a.Result.Bytes; b.Needed != 0 || b.Received > 64<<10 {
		t.Errorf("%d bytes crossed after the prefetch, %d were needed", b.Received, b.Needed)
	}
	world.Lives(t, service, s.SourceCommit)
}
