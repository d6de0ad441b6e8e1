//go:build e2e

package e2e

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// onD601 runs docker there, with nothing of the product between.
func onD601(t *testing.T, args ...string) string {
	t.Helper()
	out, err := two.D601.Output(t.Context(), append([]string{"docker"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// runsOnD601 checks, without the product, that a service is a commit there.
func runsOnD601(t *testing.T, service, commit string) {
	t.Helper()
	if err := runningOnD601(t, service, commit); err != "" {
		t.Error(err)
	}
}

func runningOnD601(t *testing.T, service, commit string) (wrong string) {
	t.Helper()
	got := onD601(t, "inspect", "--type", "container", "--format",
		`{{index .Config.Labels "org.opencontainers.image.revision"}} {{.State.Running}} {{.Image}}`, service+"-backend")
	if want := commit + " true " + configOf(t, service, commit); got != want {
		return service + " is " + got + ", want " + want
	}
	keys, err := two.D601.Output(t.Context(), "cat", d601Env(service))
	must(t, err)
	key := "UNIDESK_" + strings.ToUpper(service) + "_DEPLOY_COMMIT=" + commit
	if !strings.Contains(keys, key+"\n") {
		return "the env file does not say " + key
	}
	return ""
}

// hurried is a configuration whose catalog gives services less time to become well, and
// so a change less time before its host reverts it.
func hurried(t *testing.T) (config string) {
	t.Helper()
	config = "/etc/unidesk-hurried"
	builtin, err := two.Master.Output(t.Context(), "unidesk-controller", "catalog", "print")
	must(t, err)
	quick := strings.NewReplacer("timeout: 60s", "timeout: 10s", "timeout: 90s", "timeout: 10s").Replace(builtin)
	if quick == builtin {
		t.Fatal("the catalog has another timeout")
	}
	must(t, put(t.Context(), two.Master,
		file{path: config + "/controller.yaml", text: controllerConfig("D601")}, file{path: config + "/services.yaml", text: quick}))
	return config
}

// asWritten types an example of the specification, as it stands after the prefix.
func asWritten(t *testing.T, line, commit string) answer {
	t.Helper()
	return controller(t, strings.Fields(strings.Replace(line, "<full-sha>", commit, 1))...)
}

// D601's own Compose services are deployed by the same command, and no image
// crosses the line.
func TestAServiceOnD601GoesLiveAndBack(t *testing.T) {
	const service = "findjob"
	first := release(t, service, lab.Change{}).SourceCommit
	neighbours := onD601(t, "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Status}}", "--filter", "name=unidesk-artifact-registry")
	one := asWritten(t, "artifact-registry deploy-service --env prod --service findjob --commit <full-sha> --run-now", first)
	one.want(t, contract.DecidedSucceeded, "", 0)
	runsOnD601(t, service, first)
	if s := one.result.Scope; !s.Observed || len(s.Disturbed) > 0 {
		t.Errorf("scope: %+v", s)
	}
	if b := one.result.Bytes; b.Needed != 0 || b.Received+b.Sent > 256<<10 {
		t.Errorf("%+v crossed for an image that stays on D601", b)
	}
	if now := onD601(t, "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Status}}", "--filter", "name=unidesk-artifact-registry"); !sameContainer(now, neighbours) {
		t.Errorf("the registry is %s, was %s", now, neighbours)
	}

	second := release(t, service, lab.Change{}).SourceCommit
	two := deployNow(t, service, second)
	two.want(t, contract.DecidedSucceeded, "", 0)
	runsOnD601(t, service, second)
	deployNow(t, service, second).want(t, contract.DecidedUnchanged, "", 0)
	controller(t, "verify", "--service", service).want(t, contract.DecidedUnchanged, "", 0)

	bad := release(t, service, lab.Change{Behaviour: "never-healthy"}).SourceCommit
	reverted := deployNow(t, service, bad, "--config", hurried(t))
	reverted.want(t, contract.DecidedReverted, fault.NotProven, 1)
	if r := reverted.result; len(r.Failure.Logs) == 0 || len(r.Receipt.Logs) == 0 {
		t.Errorf("the broken container's last lines are not shown: %q, in the receipt %q", r.Failure.Logs, r.Receipt.Logs)
	}
	runsOnD601(t, service, second)

	back := strings.Fields(two.result.Rollback.String())
	controller(t, back[1:]...).want(t, contract.DecidedSucceeded, "", 0)
	runsOnD601(t, service, first)
}

// Another service of D601 is restarted during a switch: the version is kept, and the
// disturbed service is named.
func TestADisturbedNeighbourOnD601IsNamed(t *testing.T) {
	const service, victim = "findjob", "pipeline"
	neighbour := release(t, victim, lab.Change{}).SourceCommit
	asWritten(t, "artifact-registry deploy-service --env prod --service pipeline --commit <full-sha> --run-now", neighbour).
		want(t, contract.DecidedSucceeded, "", 0)
	commit := release(t, service, lab.Change{}).SourceCommit
	// The proof outlasts the restart, also on a host under load.
	r := begin(t, deployCommand(t, service, commit, "--config", proving(t, "30s", "180s")))
	r.reaches(t, "switch")
	onD601(t, "restart", "--time", "0", victim+"-backend")
	a := r.end(t)
	a.want(t, contract.DecidedDegraded, "", 4)
	if d := a.result.Scope.Disturbed; len(d) != 1 || d[0].Name != victim+"-backend" || d[0].Kind != bystander.Restarted {
		t.Errorf("%+v", a.result.Scope)
	}
	runsOnD601(t, service, commit)
	runsOnD601(t, victim, neighbour)
}

func sameContainer(a, b string) bool {
	x, _, _ := strings.Cut(a, " ")
	y, _, _ := strings.Cut(b, " ")
	return x == y
}

// An account that may only read, and a service that D601 has not placed, change nothing there.
func TestD601RefusesWhatItHasNotPlacedAndWhoMayNot(t *testing.T) {
	commit := release(t, "findjob", lab.Change{}).SourceCommit
	before := onD601(t, "ps", "--all", "--no-trunc", "--format", "{{.ID}}")
	a := deployNow(t, "findjob", commit, "--config", "/etc/unidesk-ro")
	a.want(t, contract.DecidedBlocked, fault.RoleMissing, 3)
	if a.result.Mutated || a.result.Failure.Hint == "" {
		t.Errorf("%+v", a.result.Failure)
	}
	on(t, "sed -i 's/^  pipeline:/  elsewhere:/' /etc/unidesk/agent.yaml", "systemctl stop "+agentUnit)
	b := deployNow(t, "pipeline", release(t, "pipeline", lab.Change{}).SourceCommit)
	on(t, "sed -i 's/^  elsewhere:/  pipeline:/' /etc/unidesk/agent.yaml", "systemctl stop "+agentUnit)
	if b.result.Failure == nil || b.result.Failure.Reason != fault.WorkloadNotFound || b.result.Mutated || b.exit == 0 {
		t.Errorf("exit %d: %s", b.exit, b.stdout)
	}
	if after := onD601(t, "ps", "--all", "--no-trunc", "--format", "{{.ID}}"); after != before {
		t.Error("a container was made or removed")
	}
}

// killedInSwitch kills the controller of a deploy in the switch, and returns once the commit runs.
func (r *running) killedInSwitch(t *testing.T, service, commit string, running func(service, commit string) string) {
	t.Helper()
	r.reaches(t, "switch")
	must(t, syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)) // the group: nsenter is not the controller
	_ = r.cmd.Wait()                                           // it was killed: that is its exit
	eventually(t, time.Minute, "the switch is made", func() error {
		if wrong := running(service, commit); wrong != "" {
			return errors.New(wrong)
		}
		return nil
	})
}

// The controller dies between switch and proof, and no run follows: each host reverts
// its change by itself, at the deadline; D601's agent there, the package's unit on the
// master.
func TestAHostTakesBackAloneWhatNobodySettles(t *testing.T) {
	const here, there = "project-manager", "pipeline"
	const unit = "unidesk-controller.service"
	must(t, put(t.Context(), two.Master, file{path: "/usr/lib/systemd/system/" + unit, from: filepath.Join(repo, "packaging", unit)}))
	must(t, each(t.Context(), two.Master, "systemctl daemon-reload", "systemctl start "+unit))
	t.Cleanup(func() { must(t, each(context.WithoutCancel(t.Context()), two.Master, "systemctl stop "+unit)) })
	runs := map[string]func(service, commit string) string{
		there: func(service, commit string) string { return runningOnD601(t, service, commit) },
		here:  func(service, commit string) string { return runningOnMaster(t, service, commit) },
	}
	config, good, next := hurried(t), map[string]string{}, map[string]string{}
	for service, wrong := range runs {
		good[service] = release(t, service, lab.Change{}).SourceCommit
		deployNow(t, service, good[service]).want(t, contract.DecidedSucceeded, "", 0)
		next[service] = release(t, service, lab.Change{}).SourceCommit
		begin(t, deployCommand(t, service, next[service], "--config", config)).killedInSwitch(t, service, next[service], wrong)
	}
	began := time.Now()
	for service, wrong := range runs {
		eventually(t, 6*time.Minute, "the old version of "+service+" is back", func() error {
			if err := wrong(service, good[service]); err != "" {
				return errors.New(err)
			}
			return nil
		})
		t.Logf("%s: reverted alone after %s", service, time.Since(began).Round(time.Second))
	}
	for service, wrong := range runs {
		deployNow(t, service, next[service]).want(t, contract.DecidedSucceeded, "", 0)
		if err := wrong(service, next[service]); err != "" {
			t.Error(err)
		}
	}
}

// runningOnMaster is what [runningOnD601] is.
func runningOnMaster(t *testing.T, service, commit string) (wrong string) {
	t.Helper()
	got := inspect(t, containers()[service].name, `{{index .Config.Labels "org.opencontainers.image.revision"}} {{.State.Running}}`)
	if want := commit + " true"; got != want {
		return service + " is " + got + ", want " + want
	}
	return ""
}
