//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// Who follows a service's output sees the lines of the container that runs, then those of
// the container that a deploy puts in its place, each once: on the master, and through an
// agent.
func TestAnOutputIsFollowedAcrossADeploy(t *testing.T) {
	for _, service := range []string{"oa-event-flow", "findjob"} {
		t.Run(service, func(t *testing.T) {
			first, second := world.Release(t, service, lab.Change{}), world.Release(t, service, lab.Change{})
			world.DeployNow(t, service, first).Want(t, contract.DecidedSucceeded, "", 0)
			cmd := world.Controller.Command(t.Context(), "logs", "--service", service, "--since", "1h", "--follow")
			stdout, err := cmd.StdoutPipe()
			drive.Must(t, err)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			drive.Must(t, cmd.Start())
			lines := make(chan string)
			go func() {
				defer close(lines)
				for scan := bufio.NewScanner(stdout); scan.Scan(); {
					lines <- scan.Text()
				}
			}()
			var all []string
			await := func(commit string) {
				t.Helper()
				late := time.After(2 * time.Minute)
				for {
					select {
					case line, more := <-lines:
						if !more {
							err := cmd.Wait()
							t.Fatalf("it ended without %s: %q, %v: %s", commit, all, err, stderr.String())
						}
						if all = append(all, line); strings.Contains(line, "commit="+commit) {
							return
						}
					case <-late:
						t.Fatalf("no line has %s: %q", commit, all)
					}
				}
			}
			await(first)
			world.DeployNow(t, service, second).Want(t, contract.DecidedSucceeded, "", 0)
			await(second)
			drive.Must(t, cmd.Process.Signal(os.Interrupt))
			for line := range lines {
				all = append(all, line)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("interrupted, it ended with %v: %s", err, stderr.String())
			}
			slices.Sort(all)
			if len(slices.Compact(slices.Clone(all))) != len(all) { // each line has its time
				t.Errorf("a line came twice: %q", all)
			}
		})
	}
}
