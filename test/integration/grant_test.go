//go:build integration

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// withOrigin is the world's configuration with the folder of the producer's
// summaries and the remote of a service's source.
func withOrigin(t *testing.T, service string) (config string) {
	t.Helper()
	config = t.TempDir()
	for _, name := range []string{"controller.yaml", "services.yaml"} {
		content, err := os.ReadFile(filepath.Join(world.Controller.Config, name))
		drive.Must(t, err)
		if name == "controller.yaml" {
			source := world.CI.Source(service)
			content = fmt.Appendf(content, "summaries: %s\nsources: {%s: 'file://%s'}\n", world.CI.SummaryDir(), source.URL, source.Remote)
		}
		drive.Must(t, os.WriteFile(filepath.Join(config, name), content, 0o600))
	}
	return config
}

// signed makes a grant of the statement that a dry run prints, by the commands
// that it prints beside.
func signed(t *testing.T, key, statement string) string {
	t.Helper()
	text := filepath.Join(t.TempDir(), "grant.txt")
	drive.Must(t, os.WriteFile(text, []byte(statement), 0o600))
	drive.Must(t, exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", grant.Namespace, text).Run())
	signature, err := os.ReadFile(text + ".sig")
	drive.Must(t, err)
	drive.Must(t, os.WriteFile(text+".grant", append([]byte(statement), signature...), 0o600))
	return text + ".grant"
}

// The only service behind the supervisor's gate goes live with a grant, once.
func TestCodeQueueMgrGoesLiveWithAGrant(t *testing.T) {
	const service = "code-queue-mgr"
	config := withOrigin(t, service)
	run := func(commit string, flags ...string) drive.Answer {
		t.Helper()
		cmd := world.Command(t, append([]string{"--config", config, "artifact-registry", "deploy-service", "--service", service, "--env", "prod", "--commit", commit}, flags...)...)
		return world.Finish(t, cmd)
	}
	first, second := world.Release(t, service, lab.Change{}), world.Release(t, service, lab.Change{})
	run(first, "--run-now").Want(t, contract.DecidedGated, fault.SupervisorRequired, 3)

	allowed := signed(t, world.Controller.Supervisor, run(first, "--dry-run").Result.Contract.Statement)
	run(second, "--run-now", "--grant", allowed).Want(t, contract.DecidedGated, fault.GrantMismatch, 3)
	copies := filepath.Join(world.Controller.State, "sources-"+strconv.Itoa(os.Geteuid()))
	if _, err := os.Stat(copies); !os.IsNotExist(err) {
		t.Errorf("a dry run asked the source's remote (%v)", err)
	}
	run(first, "--grant", allowed).Want(t, contract.DecidedReady, "", 0)
	live := run(first, "--run-now", "--grant", allowed)
	live.Want(t, contract.DecidedSucceeded, "", 0)
	world.Lives(t, service, first)
	if g := live.Result.Receipt.Grant; g == nil || g.Signer != "alice@example.org" {
		t.Errorf("the receipt's grant is %+v", g)
	}
	for _, p := range []provenance.Verdict{live.Result.Plan.Provenance, live.Result.Receipt.Provenance} {
		if p.Status != provenance.Verified || !strings.Contains(p.Detail, "; the commit is on branch master of the source's remote") {
			t.Errorf("provenance: %+v", p)
		}
	}
	if s := live.Result.Scope; !s.Observed || len(s.Disturbed) > 0 {
		t.Errorf("scope: %+v", s)
	}

	container, err := world.Master.Inspect(t.Context(), service, "{{.Id}}")
	drive.Must(t, err)
	for _, how := range [][]string{{"--run-now", "--force"}, {"--run-now"}, {}} {
		replay := run(first, append(how, "--grant", allowed)...)
		replay.Want(t, contract.DecidedGated, fault.GrantUsed, 3)
		if after, err := world.Master.Inspect(t.Context(), service, "{{.Id}}"); err != nil || after != container || replay.Result.Mutated {
			t.Errorf("the replay made %s of %s (%v)", after, container, err)
		}
	}
	world.Clean(t, service)
}

// A container that is restarted from elsewhere while a service is switched is named.
func TestAForeignRestartIsNamed(t *testing.T) {
	const service, victim = "frontend", "todo-note"
	world.DeployNow(t, victim, world.Release(t, victim, lab.Change{})).Want(t, contract.DecidedSucceeded, "", 0)
	commit := world.Release(t, service, lab.Change{Behaviour: "slow-start"})
	cmd := world.Command(t, "artifact-registry", "deploy-service", "--service", service, "--commit", commit, "--run-now")
	points, err := cmd.StderrPipe()
	drive.Must(t, err)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	drive.Must(t, err)
	defer out.Close()
	cmd.Stdout = out
	drive.Must(t, cmd.Start())
	for lines := bufio.NewScanner(points); lines.Scan() && !strings.Contains(lines.Text(), string(workload.PointReplace)); {
	}
	go func() { _, _ = io.Copy(io.Discard, points) }()
	_, err = world.Engine.Docker(t.Context(), "restart", "-t", "0", world.Master.Container(victim))
	drive.Must(t, err)
	exit := cmd.Wait()
	content, err := os.ReadFile(out.Name())
	drive.Must(t, err)
	var r contract.Result
	drive.Must(t, json.Unmarshal(content, &r))
	if r.Decision != contract.DecidedDegraded || cmd.ProcessState.ExitCode() != 4 || len(r.Scope.Disturbed) != 1 || r.Scope.Disturbed[0].Name != world.Master.Container(victim) {
		t.Errorf("%v: %s", exit, content)
	}
	world.Lives(t, service, commit)
}
