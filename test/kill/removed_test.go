//go:build integration

package kill

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// stoppedAt starts a deploy, does something while the run stands still at a point, and
// lets it go on to its end.
func stoppedAt(t *testing.T, program string, point workload.Point, service, commit string, meanwhile func()) drive.Answer {
	t.Helper()
	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now")
	cmd.Path, cmd.Args[0] = program, program
	cmd.Env = append(cmd.Env, "UNIDESK_STOP_AT="+string(point))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	drive.Must(t, cmd.Start())
	for still := false; !still; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		drive.Must(t, err)
		_, state, _ := strings.Cut(string(stat), ") ")
		if still = state[0] == 'T'; !still && state[0] == 'Z' {
			t.Fatalf("it ended before %s: %v\n%s", point, cmd.Wait(), stderr.String())
		}
	}
	meanwhile()
	drive.Must(t, cmd.Process.Signal(syscall.SIGCONT))
	return drive.Ended(t, cmd, cmd.Wait(), stdout.Bytes(), stderr.String())
}

// A person removes the new image between its load and the switch. What ran still runs,
// the answer names what happened, and its next command is the way out. It runs alone: a
// prune takes the images of the others, too.
func TestAnImageThatIsRemovedAfterItsLoadIsStagedAgain(t *testing.T) {
	program := killable(t)
	for _, c := range []struct {
		service string
		engine  interface {
			remove(t *testing.T, commit string)
		}
		point workload.Point
	}{
		{"oa-event-flow", onMaster{}, workload.PointStaged},
		{"findjob", onD601{}, workload.PointStaged},
	} {
		old := world.Release(t, c.service, lab.Change{})
		world.DeployNow(t, c.service, old).Exits(t, 0)
		next := world.Release(t, c.service, lab.Change{})
		a := stoppedAt(t, program, c.point, c.service, next, func() { c.engine.remove(t, next) })
		a.Want(t, contract.DecidedFailed, fault.ImageUnavailable, 1)
		if f := a.Result.Failure; !f.Retry || !strings.Contains(f.Message, "somebody removed it") || a.Result.Changed {
			t.Errorf("%s: %+v", c.service, f)
		}
		world.Clean(t, c.service)
		verify := world.Run(t, "verify", "--service", c.service)
		if verify.Exit != 0 || verify.Result.Receipt == nil || verify.Result.Receipt.Commit.String() != old {
			t.Errorf("%s: what ran: exit %d, %s", c.service, verify.Exit, verify.Stdout)
		}
		world.Run(t, strings.Fields(a.Result.Failure.Next.String())[1:]...).Want(t, contract.DecidedSucceeded, "", 0)
	}
}

type onMaster struct{}

func (onMaster) remove(t *testing.T, _ string) {
	t.Helper()
	_, err := world.Engine.Docker(t.Context(), "image", "prune", "-af")
	drive.Must(t, err)
}

type onD601 struct{}

// remove leaves the images that this host builds from.
func (onD601) remove(t *testing.T, commit string) {
	t.Helper()
	images, err := world.Builder.Docker(t.Context(), "image", "ls", "-q", "--no-trunc", "--filter", "label=org.opencontainers.image.revision="+commit)
	drive.Must(t, err)
	if images = strings.TrimSpace(images); images == "" {
		t.Fatal("the image is not there")
	}
	_, err = world.Builder.Docker(t.Context(), append([]string{"image", "rm", "-f"}, strings.Fields(images)...)...)
	drive.Must(t, err)
}
