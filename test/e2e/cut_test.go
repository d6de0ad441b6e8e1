//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// shape makes the link slow for the rest of a test.
func shape(t *testing.T, mbit int) {
	t.Helper()
	must(t, two.Shape(t.Context(), mbit))
	t.Cleanup(func() { must(t, two.Shape(context.WithoutCancel(t.Context()), 0)) })
}

// halfway starts a deploy and returns when so many bytes are in the spool.
func halfway(t *testing.T, s lab.Summary, bytes int64) *running {
	t.Helper()
	r := begin(t, deployCommand(t, s.ServiceID, s.SourceCommit))
	eventually(t, time.Minute, fmt.Sprintf("%s have crossed", mb(bytes)), func() error {
		if n := spooled(); n < bytes {
			return fmt.Errorf("%s have", mb(n))
		}
		return nil
	})
	return r
}

// D601 loses its power in mid-transfer: that is reported, and once it is back the same
// command goes on where the other stopped.
func TestAPowerCutOfD601IsResumed(t *testing.T) {
	forget(t, noted)
	image := layered(t, lab.Gzip, lab.Layer{Size: 16 << 20, Noise: 100}, lab.Layer{Size: 24 << 20, Noise: 100})
	all, _ := sizeOf(t, image)
	shape(t, 50)
	r := halfway(t, image, 20<<20)
	must(t, two.D601.Cut(t.Context()))
	cut := time.Now()
	a := r.end(t)
	if f := a.result.Failure; f == nil || f.Reason != fault.HostUnreachable && f.Reason != fault.Stalled || !f.Retry || f.Next.IsZero() || a.exit != 1 {
		t.Fatalf("exit %d: %s\n%s", a.exit, a.stdout, a.stderr)
	}
	t.Logf("reported after %s: %s", time.Since(cut).Round(time.Second), a.result.Failure.Message)
	if a.result.Mutated {
		t.Error("something was changed")
	}
	here := spooled()

	must(t, two.D601.Boot(t.Context()))
	must(t, two.registryAnswers(t.Context()))
	must(t, two.Shape(t.Context(), 50))
	again := deployNow(t, image.ServiceID, image.SourceCommit)
	again.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, image.ServiceID, image.SourceCommit)
	const window = 256 << 10 // a chunk that had not wholly come
	missing := all - here
	if b := again.result.Bytes; b.Received+b.Sent > allowed(missing)+window {
		t.Errorf("%s crossed again, and %s of %s had come", mb(b.Received+b.Sent), mb(here), mb(all))
	}
	t.Logf("image %s, %s had come, %s crossed then", mb(all), mb(here), mb(again.result.Bytes.Received))
}

// The master loses its power between switch and proof: after a recover the version that
// was proven before runs again.
func TestAPowerCutOfTheMasterIsRecovered(t *testing.T) {
	const service = "project-manager"
	good := release(t, service, lab.Change{}).SourceCommit
	deployNow(t, service, good).want(t, contract.DecidedSucceeded, "", 0)
	env := readMaster(t, envFile)
	next := release(t, service, lab.Change{}).SourceCommit

	r := begin(t, deployCommand(t, service, next))
	r.reaches(t, "switch")
	must(t, two.Master.Cut(t.Context()))
	_ = r.cmd.Wait() // it died with its host
	must(t, two.Master.Boot(t.Context()))

	label := inspect(t, containers()[service].name, `{{index .Config.Labels "org.opencontainers.image.revision"}}`)
	if label != next {
		t.Fatalf("after the cut %s is there: it came too early to prove anything", label)
	}
	a := controller(t, "recover")
	var done struct{ Items []contract.Recovery }
	must(t, json.Unmarshal(a.stdout, &done))
	if a.exit != 0 || len(done.Items) != 1 || done.Items[0].Action != contract.TookBack {
		t.Fatalf("recover: exit %d: %s\n%s", a.exit, a.stdout, a.stderr)
	}
	lives(t, service, good)
	if readMaster(t, envFile) != env {
		t.Error("the env file is not as it was")
	}
	deployNow(t, service, next).want(t, contract.DecidedSucceeded, "", 0)
	lives(t, service, next)
}

// A cable that is out for a while costs that while.
func TestACutLinkIsWaitedFor(t *testing.T) {
	forget(t, noted)
	image := layered(t, lab.Gzip, lab.Layer{Size: 30 << 20, Noise: 100})
	shape(t, 50)
	r := halfway(t, image, 10<<20)
	must(t, two.Plug(t.Context(), false))
	time.Sleep(10 * time.Second)
	must(t, two.Plug(t.Context(), true))
	back := time.Now()
	a := r.end(t)
	a.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, image.ServiceID, image.SourceCommit)
	t.Logf("done %s after the link was back", time.Since(back).Round(time.Second))
	if b := a.result.Bytes; b.Received+b.Sent > allowed(b.Needed)+1<<20 {
		t.Errorf("%s crossed for %s", mb(b.Received+b.Sent), mb(b.Needed))
	}
}

// What is slow is not killed: 2 Mbit/s, for longer than a stall may last.
func TestASlowLinkIsNotAStall(t *testing.T) {
	forget(t, noted)
	image := layered(t, lab.Gzip, lab.Layer{Size: 16 << 20, Noise: 100})
	shape(t, 2)
	began := time.Now()
	a := deployNow(t, image.ServiceID, image.SourceCommit)
	a.want(t, contract.DecidedSucceeded, "", 0)
	lives(t, image.ServiceID, image.SourceCommit)
	t.Logf("took %s", time.Since(began).Round(time.Second))
	if n := a.result.Bytes.Received; n*8 < 61*2e6 {
		t.Errorf("%d bytes crossed at 2 Mbit/s: not long enough to judge", n)
	}
}
