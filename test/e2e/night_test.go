//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

const (
	pageUnit = "unidesk-page"
	outbox   = state + "/outbox" // the notices of a night, one on each line
	textfile = state + "/unidesk.prom"
)

// dusk sets the master up as its packages and docs/operations.md do for a night: the units of
// the watch and of the page, notices, metrics, and D601 asked each minute. It returns the folder
// of the configuration.
func dusk(t *testing.T) (config string) {
	t.Helper()
	const watch = "unidesk-controller.service"
	config = hurried(t)
	unit := func(name string) file {
		return file{path: "/usr/lib/systemd/system/" + name, from: filepath.Join(repo, "packaging", name)}
	}
	must(t, put(t.Context(), two.Master,
		unit(watch), unit(pageUnit+".service"), unit(pageUnit+".socket"),
		file{path: "/usr/local/bin/on-deploy", text: "#!/bin/sh\ncat >>" + outbox + "\n", mode: 0o755},
		file{path: config + "/controller.yaml", text: controllerConfig("D601") +
			"watch: {hosts: true}\nmetrics: {textfile: " + textfile + "}\nnotify: {command: [/usr/local/bin/on-deploy]}\n"},
		file{path: "/etc/systemd/system/" + watch + ".d/lab.conf", text: "[Unit]\nConditionPathExists=\n[Service]\nExecStart=\n" +
			"ExecStart=/usr/bin/unidesk-controller --config " + config + " watch\nIPAddressAllow=" + two.D601.Addr.String() + "\n"}))
	must(t, each(t.Context(), two.Master,
		"groupadd --force --system unidesk-page", "install -d -m 2750 -g unidesk-page /run/unidesk-page",
		"systemctl daemon-reload", "systemctl start "+watch+" "+pageUnit+".socket"))
	t.Cleanup(func() {
		must(t, each(context.WithoutCancel(t.Context()), two.Master,
			"systemctl stop "+watch+" "+pageUnit+".socket "+pageUnit+".service", "rm -rf /etc/systemd/system/"+watch+".d /run/unidesk-page "+outbox+" "+textfile,
			"systemctl daemon-reload"))
	})
	return config
}

// pageOf is a page as a browser gets it.
func pageOf(t *testing.T, path string) (string, error) {
	t.Helper()
	return two.Master.Output(t.Context(), "curl", "--fail", "--silent", "--show-error", "--max-time", "5", "--unix-socket", "/run/"+pageUnit+".sock", "http://localhost"+path)
}

// A deploy is seen from another terminal and in a browser while it goes on. Its controller is
// killed in the switch, no operator is there, and the watch brings the old version back: in the
// morning a notice, the history, the metrics and the page have all of it.
func TestANightIsSeenInTheMorning(t *testing.T) {
	const service = "project-manager"
	config := dusk(t)
	good := release(t, service, lab.Change{}).SourceCommit
	deployNow(t, service, good, "--config", config).want(t, contract.DecidedSucceeded, "", 0)
	next := release(t, service, lab.Change{Layers: []lab.Layer{{Name: "large", Size: 24 << 20, Noise: 100, Seed: 77}}}).SourceCommit

	shape(t, 50)
	other := begin(t, command(t, "--config", config, "status", "-w"))
	r := begin(t, deployCommand(t, service, next, "--config", config))
	var seen journal.Going
	eventually(t, time.Minute, "status -w shows the transfer", func() error {
		run, err := going(other.stdout.String(), service)
		if err == nil && run.Done == 0 {
			err = fmt.Errorf("it shows %+v", run)
		}
		seen = run
		return err
	})
	if seen.Commit.String() != next || seen.Total == 0 || seen.ID == "" {
		t.Errorf("status -w shows %+v", seen)
	}
	eventually(t, time.Minute, "the page shows the run", func() error {
		out, err := pageOf(t, "/")
		if err == nil && (!strings.Contains(out, `data-run="`+seen.ID+`"`) || !strings.Contains(out, next[:12])) {
			err = errors.New(out)
		}
		return err
	})
	r.killedInSwitch(t, service, next, func(service, commit string) string { return runningOnMaster(t, service, commit) })
	must(t, syscall.Kill(-other.cmd.Process.Pid, syscall.SIGINT))
	_ = other.cmd.Wait()

	eventually(t, 6*time.Minute, "the old version is back", func() error {
		if wrong := runningOnMaster(t, service, good); wrong != "" {
			return errors.New(wrong)
		}
		return nil
	})
	lives(t, service, good)

	var notice notify.Notice
	eventually(t, 2*time.Minute, "a notice of it is sent", func() (err error) {
		notice, err = lastNotice(t, notify.Recovered)
		return err
	})
	if notice.Service.String() != service || notice.Commit.String() != next {
		t.Errorf("the notice is %+v", notice)
	}
	var attempts struct{ Items []inventory.Attempt }
	must(t, json.Unmarshal(controller(t, "--config", config, "history", "--all", "--service", service).stdout, &attempts))
	if len(attempts.Items) < 2 || attempts.Items[0].Run != notice.Run || attempts.Items[0].Outcome != string(contract.TookBack) ||
		attempts.Items[1].Run != seen.ID || attempts.Items[1].Commit.String() != next {
		t.Errorf("history --all begins with %+v", attempts.Items[:min(2, len(attempts.Items))])
	}
	for _, run := range []string{seen.ID, notice.Run} {
		if a := controller(t, "--config", config, "logs", "--run", run); a.exit != 0 || !bytes.Contains(a.stdout, []byte(plain.Label(workload.PointSettle))) && run == notice.Run {
			t.Errorf("logs --run %s: exit %d: %s%s", run, a.exit, a.stdout, a.stderr)
		}
	}
	eventually(t, 3*time.Minute, "the metrics count it", func() error {
		text, err := two.Master.Output(t.Context(), "cat", textfile)
		want := fmt.Sprintf(`unidesk_attempts_total{env="prod",outcome="%s",service="%s"} 1`, contract.TookBack, service)
		if err == nil && !strings.Contains(text, want) {
			err = errors.New(text)
		}
		return err
	})
	eventually(t, 3*time.Minute, "the page has both runs", func() error {
		out, err := pageOf(t, "/")
		if err == nil && (!strings.Contains(out, "/runs/"+seen.ID) || !strings.Contains(out, "/runs/"+notice.Run) || strings.Contains(out, "data-run=")) {
			err = errors.New(out)
		}
		return err
	})
	out, err := pageOf(t, "/status.json")
	must(t, err)
	var page overview.Status
	must(t, json.Unmarshal([]byte(out), &page))
	if i := slices.IndexFunc(page.Services, func(l overview.Live) bool { return l.Service == service && l.Env == artifact.Prod }); i < 0 || page.Services[i].State != overview.Proven || page.Services[i].Running.Commit != good {
		t.Errorf("the page's status is %s", out)
	}
	if len(page.Hosts) == 0 || !page.Hosts[0].Reachable || page.Registry == nil || !page.Registry.OK {
		t.Errorf("the page knows nothing of D601: %s", out)
	}
	for path, want := range map[string][]string{"/services/" + service: {"Newest published", good[:12], next[:12], ">live</span>", ">new</span>"}, "/hosts": {"Checks of the registry"}} {
		out, err := pageOf(t, path)
		must(t, err)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not show %q: %s", path, w, out)
			}
		}
	}
	deployNow(t, service, next, "--config", config).want(t, contract.DecidedSucceeded, "", 0)
}

// going is the run of a service in the last answer that status -w has printed whole.
func going(printed, service string) (journal.Going, error) {
	whole := printed[:strings.LastIndexByte(printed, '\n')+1]
	lines := strings.Split(strings.TrimSpace(whole), "\n")
	var s overview.Status
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		return journal.Going{}, err
	}
	for _, run := range s.Runs {
		if run.Service == service {
			return run, nil
		}
	}
	return journal.Going{}, fmt.Errorf("no run of %s in %+v", service, s.Runs)
}

// lastNotice is the newest notice of an event that the program of the configuration was given.
func lastNotice(t *testing.T, event notify.Event) (last notify.Notice, err error) {
	t.Helper()
	out, err := two.Master.Output(t.Context(), "cat", outbox)
	if err != nil {
		return last, err
	}
	err = fmt.Errorf("no notice of %s in %s", event, out)
	for line := range strings.Lines(out) {
		var n notify.Notice
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			return n, err
		}
		if n.Event == event {
			last, err = n, nil
		}
	}
	return last, err
}
