//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// Versions that packages are made of, in order.
const (
	older = "1.0.0"
	newer = "1.0.1"
)

// installDeb puts a package on a host, as apt would have it done.
func installDeb(t *testing.T, h *hosts.Host, name, version string) {
	t.Helper()
	file := "unidesk-" + name + "_" + version + "_" + runtime.GOARCH + ".deb"
	must(t, h.CopyIn(t.Context(), filepath.Join(repo, "dist", file), "/root/"+file, 0o644))
	if out, err := h.Exec(t.Context(), "dpkg", "--force-confold", "-i", "/root/"+file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// masterAgent is the version of the agent that answers on the master, "" for none.
func masterAgent(t *testing.T) string {
	t.Helper()
	const config = "version: 1\nregistryHost: master\nhosts:\n  master: {socket: /run/unidesk-agent/agent.sock}\nmaster: {root: " + root + "}\n"
	must(t, put(t.Context(), two.Master, file{path: "/etc/unidesk-socket/controller.yaml", text: config}))
	out, _ := two.Master.Exec(t.Context(), "unidesk-controller", "--config", "/etc/unidesk-socket", "-o", "json", "host", "list").Output()
	var list struct {
		Items []struct {
			Name  string
			Agent struct{ AgentVersion string }
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, h := range list.Items {
		if h.Name == "master" {
			return h.Agent.AgentVersion
		}
	}
	return ""
}

// The agent's package: installed, upgraded, removed and purged. What an
// administrator wrote stays over the upgrade, what a registry holds stays always.
func TestTheAgentsPackage(t *testing.T) {
	must(t, packages())
	const kept = "/home/ubuntu/.unidesk/registry-storage/blob"
	must(t, two.Master.WriteFile(t.Context(), kept, []byte("x"), 0o644))

	installDeb(t, two.Master, "agent", older)
	if got := masterAgent(t); got != "v"+older {
		t.Fatalf("the agent that answers is %q", got)
	}
	if out, err := two.Master.Output(t.Context(), "stat", "-c", "%a %U %G", "/run/unidesk-agent", "/run/unidesk-agent/agent.sock", "/etc/unidesk/agent.yaml"); err != nil ||
		out != "750 root unidesk-agent\n660 root unidesk-agent\n640 root root\n" {
		t.Errorf("%v: %q", err, out)
	}
	t.Run("what came from a package is not bootstrapped over", func(t *testing.T) {
		cmd := two.Master.Exec(t.Context(), "unidesk-controller", "--config", "/etc/unidesk-socket", "-o", "json", "host", "bootstrap", "master", "--agent", "/root/unidesk-agent")
		out, _ := cmd.Output()
		if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "apt") {
			t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), out)
		}
	})

	const note = "# an administrator was here\n"
	yaml := readMaster(t, "/etc/unidesk/agent.yaml") + note
	must(t, two.Master.WriteFile(t.Context(), "/etc/unidesk/agent.yaml", []byte(yaml), 0o640))
	// As an older package left it: the socket's group is the operators'.
	if _, err := two.Master.Output(t.Context(), "getent", "group", "unidesk"); err != nil {
		must(t, each(t.Context(), two.Master, "groupadd --system unidesk"))
	}
	must(t, each(t.Context(), two.Master,
		"useradd --groups unidesk lab-reader",
		"chgrp unidesk /run/unidesk-agent /run/unidesk-agent/agent.sock",
		"groupdel unidesk-agent"))
	installDeb(t, two.Master, "agent", newer)
	if out, err := two.Master.Output(t.Context(), "sh", "-c", "stat -c '%a %G' /run/unidesk-agent /run/unidesk-agent/agent.sock; id -nG lab-reader"); err != nil ||
		out != "750 unidesk-agent\n660 unidesk-agent\nlab-reader unidesk unidesk-agent\n" {
		t.Errorf("after the upgrade: %v: %q", err, out)
	}
	must(t, each(t.Context(), two.Master, "userdel lab-reader"))
	if got := masterAgent(t); got != "v"+newer {
		t.Errorf("after the upgrade %q answers", got)
	}
	if readMaster(t, "/etc/unidesk/agent.yaml") != yaml {
		t.Error("the upgrade changed agent.yaml")
	}

	must(t, each(t.Context(), two.Master, "dpkg --remove unidesk-agent"))
	if out, _ := two.Master.Output(t.Context(), "systemctl", "is-active", "unidesk-agent.socket", agentUnit); strings.Contains(out, "\nactive") || strings.HasPrefix(out, "active") {
		t.Errorf("removed, and %q", out)
	}
	if readMaster(t, "/etc/unidesk/agent.yaml") != yaml {
		t.Error("removing took agent.yaml")
	}
	must(t, each(t.Context(), two.Master, "dpkg --purge unidesk-agent"))
	for _, gone := range []string{"/etc/unidesk/agent.yaml", "/usr/bin/unidesk-agent", "/var/lib/unidesk-agent", "/usr/lib/systemd/system/unidesk-agent.service"} {
		if _, err := os.Stat(filepath.Join(two.Master.Root, gone)); err == nil {
			t.Errorf("purged, and %s is there", gone)
		}
	}
	if readMaster(t, kept) != "x" {
		t.Error("the registry's storage is not what it was")
	}
}

// watches starts the unit on a state folder that is new, and shared: what it makes
// there is its group's.
func watches(t *testing.T) {
	t.Helper()
	const project, config = "/srv/watched", "/etc/unidesk/controller.yaml"
	must(t, put(t.Context(), two.D601,
		file{path: project + "/docker-compose.yml", from: filepath.Join(repo, "sample/compose.yaml")},
		file{path: project + "/config.json", from: filepath.Join(repo, "sample/config.json"), mode: 0o600},
		file{path: config, text: "version: 1\nhosts:\n  D601: {socket: /run/unidesk-agent/agent.sock}\nmaster: {root: " + project + "}\n"}))
	on(t, "systemctl start unidesk-controller.service")
	eventually(t, time.Minute, "somebody watches", func() error {
		_, err := two.D601.Output(t.Context(), "sh", "-ec", "test -e /var/lib/unidesk/watch.lock; exec flock --shared --nonblock --conflict-exit-code 7 /var/lib/unidesk/watch.lock true")
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 7 {
			return nil
		}
		return fmt.Errorf("the lock is free: %w", err)
	})
	out, err := two.D601.Output(t.Context(), "stat", "-c", "%a %U %G", "/var/lib/unidesk/watch.lock")
	if err != nil || out != "660 root unidesk\n" {
		t.Errorf("%v: %q", err, out)
	}
	eventually(t, time.Minute, "systemd has its status", func() error {
		out, err := two.D601.Output(t.Context(), "systemctl", "show", "--property=StatusText", "unidesk-controller.service")
		if err == nil && !strings.HasPrefix(out, "StatusText=watching") {
			err = errors.New(out)
		}
		return err
	})
	out, err = two.D601.Output(t.Context(), "journalctl", "--unit=unidesk-controller.service", "--output=cat", "--priority=info", "CHANGES=/var/lib/unidesk/changes")
	if err != nil || !strings.Contains(out, "watching changes=/var/lib/unidesk/changes\n") {
		t.Errorf("%v: the journal has %q", err, out)
	}
	attacked(t)
	servesPage(t)
	on(t, "systemctl stop unidesk-controller.service", "rm "+config)
}

// servesPage asks for the page as its readers do: a member of the group gets what the watch
// leaves, and no other account reaches the socket.
func servesPage(t *testing.T) {
	t.Helper()
	const ask = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new("/run/unidesk-page.sock") or die "no socket: $!\n"; ` +
		`print $s "GET $ARGV[0] HTTP/1.0\r\nHost: $ARGV[1]\r\n\r\n"; print while <$s>`
	on(t, "useradd --groups unidesk-page lab-reader", "useradd lab-stranger")
	defer on(t, "userdel lab-reader", "userdel lab-stranger")
	get := func(account, path, host string) string {
		out, _ := two.D601.Exec(t.Context(), "runuser", "-u", account, "--", "perl", "-e", ask, path, host).CombinedOutput()
		return string(out)
	}
	eventually(t, time.Minute, "the page is well", func() error {
		if out := get("lab-reader", "/healthz", "localhost:8300"); !strings.HasPrefix(out, "HTTP/1.0 200 OK\r\n") {
			said, _ := two.D601.Output(t.Context(), "journalctl", "--unit=unidesk-page.service", "--output=cat", "--no-pager", "--lines=20")
			return errors.New(out + said)
		}
		return nil
	})
	if out := get("lab-reader", "/", "localhost:8300"); !strings.Contains(out, "What is live") || !strings.Contains(out, "frontend") {
		t.Errorf("the page is %s", out)
	}
	if out := get("lab-reader", "/", "evil.example"); !strings.HasPrefix(out, "HTTP/1.0 421") {
		t.Errorf("as another name it is %s", out)
	}
	if out := get("lab-stranger", "/", "localhost"); !strings.HasPrefix(out, "no socket: Permission denied") {
		t.Errorf("a stranger gets %s", out)
	}
	out, err := two.D601.Output(t.Context(), "sh", "-c", "stat -c '%a %U %G' /run/unidesk-page /run/unidesk-page/snapshot.json; "+
		"pid=$(systemctl show --property=MainPID --value unidesk-page.service); ls /proc/$pid/root/var/lib/unidesk 2>&1; stat -c %U /proc/$pid")
	if err != nil || !strings.HasPrefix(out, "2750 root unidesk-page\n640 root unidesk-page\n") || strings.Contains(out, "watch.lock") || strings.HasSuffix(out, "\nroot\n") {
		t.Errorf("%v: %q", err, out)
	}
}

// attacked has an account of the operators' group, with no other right, plant a record and
// links in the state folder that the unit watches.
func attacked(t *testing.T) {
	t.Helper()
	const outside = "mkdir -m 755 /srv/outside && install -m 600 /dev/null /srv/outside/secret"
	look := func() string {
		out, err := two.D601.Output(t.Context(), "find", "/srv/outside", "-printf", "%p %M %u %g %s\n")
		must(t, err)
		return out
	}
	on(t, outside, "useradd --groups unidesk lab-member",
		"runuser -u lab-member -- sh -ec 'cd /var/lib/unidesk; umask 007; mkdir -p changes ledger; "+
			"echo {} >changes/compose-unidesk.frontend.pending.json; ln -s /srv/outside/secret changes/compose-unidesk.frontend.lock; "+
			"ln -s /srv/outside ledger/prod; ln -s /srv/outside grants; ln -s /srv/outside spool'")
	defer on(t, "userdel lab-member; rm -r /srv/outside; cd /var/lib/unidesk && rm -rf changes ledger grants spool")
	was := look()
	eventually(t, time.Minute, "the unit refuses the record", func() error {
		out, err := two.D601.Output(t.Context(), "journalctl", "--unit=unidesk-controller.service", "--output=cat", "--no-pager")
		if err == nil && !strings.Contains(out, "may not do itself what it asks for") && !strings.Contains(out, "accounts beside its owner may write it") {
			err = fmt.Errorf("the journal: %s", out)
		}
		return err
	})
	for _, command := range []string{"recover", "history", "doctor"} { // each may fail
		_, _ = two.D601.Exec(t.Context(), "unidesk-controller", command).CombinedOutput()
	}
	if now := look(); now != was {
		t.Errorf("outside is\n%s\nand was\n%s", now, was)
	}
}

// The controller's package, on the host that is no master otherwise.
func TestTheControllersPackage(t *testing.T) {
	must(t, packages())
	installDeb(t, two.D601, "controller", older)
	installDeb(t, two.D601, "controller", newer)
	if out, err := two.D601.Output(t.Context(), "unidesk-controller", "version"); err != nil || !strings.HasPrefix(out, "unidesk-controller v"+newer+", ") {
		t.Errorf("%v: %q", err, out)
	}
	if out, err := two.D601.Output(t.Context(), "stat", "-c", "%a %U %G", "/var/lib/unidesk"); err != nil || out != "3770 root unidesk\n" {
		t.Errorf("%v: %q", err, out)
	}
	// The lab's dpkg leaves pages out, as many images do: they are of the package all the same.
	on(t, "dpkg -L unidesk-controller | grep -qx /usr/share/doc/unidesk-controller/docs/operations.md")
	watch := func() string {
		out, _ := two.D601.Exec(t.Context(), "systemctl", "show", "--property=UnitFileState,ActiveState,ConditionResult", "unidesk-controller.service").Output()
		return strings.Join(strings.Fields(string(out)), " ")
	}
	if got := watch(); got != "ActiveState=inactive UnitFileState=enabled ConditionResult=no" { // there is no controller.yaml
		t.Errorf("the watch is %s", got)
	}
	watches(t)
	must(t, two.D601.WriteFile(t.Context(), "/var/lib/unidesk/ledger/prod/x/1.json", []byte("{}"), 0o644))
	must(t, each(t.Context(), two.D601, "dpkg --purge unidesk-controller"))
	if got := watch(); strings.Contains(got, "enabled") {
		t.Errorf("purged, and the watch is %s", got)
	}
	if _, err := two.D601.Output(t.Context(), "cat", "/var/lib/unidesk/ledger/prod/x/1.json"); err != nil {
		t.Errorf("purging took the receipts: %v", err)
	}
	on(t, "rm -r /var/lib/unidesk")
}
