//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// files of the registry on D601.
const (
	registryFolder = "/home/ubuntu/.unidesk/artifact-registry"
	composeFile    = registryFolder + "/compose.yml"
	configFile     = registryFolder + "/config.yml"
	unitFile       = "/etc/systemd/system/" + unit
)

// verdict is what a registry command printed and its exit code.
type verdict struct {
	registry.Report
	exit   int
	stdout string
}

// ask runs a registry command with a configuration.
func ask(t *testing.T, config string, args ...string) verdict {
	t.Helper()
	cmd := two.Master.Exec(t.Context(), append([]string{"unidesk-controller", "--config", config, "-o", "json", "artifact-registry"}, args...)...)
	return verdictOf(t, cmd)
}

func verdictOf(t *testing.T, cmd *exec.Cmd) verdict {
	t.Helper()
	out, err := cmd.Output()
	v := verdict{stdout: string(out), exit: cmd.ProcessState.ExitCode()}
	if err := json.Unmarshal(out, &v.Report); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	_ = err // its exit code is what is looked at
	return v
}

// install makes the registry well, as an operator would after a finding. What the registry
// stores stays byte for byte as it was.
func install(t *testing.T) verdict {
	t.Helper()
	before := stored(t)
	v := ask(t, administrator, "install")
	if after := stored(t); after != before {
		t.Errorf("install made of the storage\n%s\nwhat was\n%s", after, before)
	}
	return v
}

// stored is a line for each folder and file of the registry's storage, with the hash of
// what is in it.
func stored(t *testing.T) string {
	t.Helper()
	out, err := two.D601.Output(t.Context(), "sh", "-c", "cd "+storage+" && find . -printf '%y %m %U %G %s %p\n' | sort && find . -type f -print0 | sort -z | xargs -0r sha256sum")
	must(t, err)
	return out
}

// on runs commands on D601 as its administrator would, with a shell's words.
func on(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := two.D601.Output(t.Context(), "sh", "-c", c); err != nil {
			t.Fatal(err)
		}
	}
}

// manual is the specification's command line for a person on D601.
const manual = "docker compose -p " + registry.Project + " -f " + composeFile

// The ways of being sick, each made for real, and what is printed of it.
func TestEachSicknessOfTheRegistryIsNamed(t *testing.T) {
	const changedSince = "a file changed after the container started"
	all := []struct {
		name string
		make []string // on D601
		// What is printed then.
		decision  registry.Decision
		usable    bool             // runtimeApiHealthy
		scopes    []registry.Scope // that have failed, all of them
		maybe     []registry.Scope // that change from moment to moment
		retryable bool
		warns     []string // the text of each warning
		// How it is mended before the product's own install.
		mend []string
	}{
		{
			name: "nothing is wrong", decision: registry.Healthy, usable: true,
		},
		{
			name:     "the unit is inactive and its container runs", // requirement 106
			make:     []string{"systemctl stop " + unit, manual + " up -d"},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"unit"},
		},
		{
			name:     "the unit is stopped",
			make:     []string{"systemctl stop " + unit},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "image", "listener", "unit"},
		},
		{
			name:     "the unit is disabled",
			make:     []string{"systemctl disable " + unit},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"unit"},
		},
		{
			name:     "the unit's file was edited", // requirement 107
			make:     []string{"echo '# by hand' >>" + unitFile},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"files"}, warns: []string{"since systemd read it", changedSince},
		},
		{
			name:     "the unit has a drop-in",
			make:     []string{"mkdir " + unitFile + ".d", "printf '[Unit]\\nDescription=mine\\n' >" + unitFile + ".d/mine.conf", "systemctl daemon-reload"},
			decision: registry.Healthy, usable: true, warns: []string{unitFile + ".d/mine.conf"},
			mend: []string{"rm -r " + unitFile + ".d", "systemctl daemon-reload"},
		},
		{
			name: "the Compose file was tried, and put back",
			make: []string{
				"cp -p " + composeFile + " /root/compose.yml", "sed -i 's/TRACES_EXPORTER: none/TRACES_EXPORTER: otlp/' " + composeFile,
				"systemctl restart " + unit, "cp -p /root/compose.yml " + composeFile, "rm /root/compose.yml", "sleep 2",
			},
			decision: registry.Healthy, usable: true, warns: []string{changedSince},
		},
		{
			name:     "a file .env lies beside the Compose file", // if it were read, the start would fail
			make:     []string{"echo '=${' >" + registryFolder + "/.env", "systemctl restart " + unit, "sleep 2"},
			decision: registry.Healthy, usable: true,
			mend: []string{"rm " + registryFolder + "/.env"},
		},
		{
			name:     "the unit is masked",
			make:     []string{"mv " + unitFile + " /root/unit", "systemctl mask " + unit},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"files", "unit"},
			mend: []string{"systemctl unmask " + unit, "mv /root/unit " + unitFile, "systemctl daemon-reload"},
		},
		{
			name:     "the unit's file is gone",
			make:     []string{"rm " + unitFile, "systemctl daemon-reload"},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"files", "unit"},
		},
		{
			name:     "the Compose file was edited",
			make:     []string{"echo '# by hand' >>" + composeFile},
			decision: registry.Drifted, usable: true, scopes: []registry.Scope{"files"}, warns: []string{changedSince},
		},
		{
			name:     "the registry's configuration was edited",
			make:     []string{"echo '# by hand' >>" + configFile},
			decision: registry.Drifted, usable: true, scopes: []registry.Scope{"files"}, warns: []string{changedSince},
		},
		{
			name:     "the container was killed",
			make:     []string{"docker kill " + registry.Container},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "listener"},
		},
		{
			name:     "the container is paused",
			make:     []string{"docker pause " + registry.Container},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container"},
		},
		{
			name:     "the container was removed",
			make:     []string{"docker rm -f " + registry.Container},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "image", "listener"},
		},
		{
			name: "another image runs",
			make: []string{
				"docker tag registry:2.8.3 registry:other",
				"sed -i s/registry:2.8.3/registry:other/ " + composeFile, manual + " up -d",
			},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"files", "image"},
		},
		{
			name:     "it is published on every address",
			make:     []string{"sed -i s/127.0.0.1:5000:5000/0.0.0.0:5000:5000/ " + composeFile, manual + " up -d"},
			decision: registry.ServiceDegraded, scopes: []registry.Scope{"files", "listener"},
		},
		{
			name: "somebody else listens on the port",
			make: []string{
				"systemctl stop " + unit,
				"echo '$s = IO::Socket::INET->new(LocalAddr => q(127.0.0.1:5000), Listen => 5, ReuseAddr => 1) or die; " +
					"while ($c = $s->accept) { print $c qq(HTTP/1.0 200 OK\\r\\n\\r\\n); close $c }' >/root/squatter.pl",
				"systemd-run --quiet --unit=lab-squatter perl -MIO::Socket::INET /root/squatter.pl",
				"for i in $(seq 50); do ss -ltn | grep -q 127.0.0.1:5000 && exit 0; sleep 0.1; done; exit 1",
			},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "image", "listener", "unit"},
			mend: []string{"systemctl stop lab-squatter"},
		},
		{
			name:     "the storage folder is gone",
			make:     []string{"mv " + storage + " /home/ubuntu/.unidesk/elsewhere"},
			decision: registry.ServiceDegraded, usable: true, scopes: []registry.Scope{"storage"},
			mend: []string{"systemctl stop " + unit, "mv /home/ubuntu/.unidesk/elsewhere " + storage},
		},
		{
			name:     "the registry ends as soon as it starts",
			make:     []string{"echo 'storage: [' >" + configFile, "systemctl restart " + unit + " || true", "sleep 3"},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "files"}, maybe: []registry.Scope{"listener"},
		},
		{
			name:     "the Compose file is no Compose file, and the unit fails",
			make:     []string{"echo 'services: [' >" + composeFile, "! systemctl restart " + unit},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "files", "image", "listener", "unit"},
		},
		{
			name:     "a file is a symbolic link",
			make:     []string{"mv " + configFile + " /home/ubuntu/elsewhere.yml", "ln -s /home/ubuntu/elsewhere.yml " + configFile},
			decision: registry.Drifted, usable: true, scopes: []registry.Scope{"files"},
			mend: []string{"rm " + configFile, "mv /home/ubuntu/elsewhere.yml " + configFile},
		},
		{
			name:     "the engine is stopped",
			make:     []string{"systemctl stop docker.socket docker.service"},
			decision: registry.RuntimeUnavailable, scopes: []registry.Scope{"api", "container", "engine", "image", "listener"},
			warns: []string{"Cannot connect to the Docker daemon"},
			mend:  []string{"systemctl start docker.socket docker.service"},
		},
	}
	must(t, two.registryAnswers(t.Context()))
	release(t, "project-manager", lab.Change{})
	if s := stored(t); !strings.Contains(s, "/blobs/sha256/") {
		t.Fatalf("nothing is stored that an install could change:\n%s", s)
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			on(t, c.make...)
			h := ask(t, "/etc/unidesk-ro", "health")
			s := ask(t, "/etc/unidesk-ro", "status")
			on(t, c.mend...)
			well := install(t)
			exit := map[registry.Decision]int{registry.Healthy: 0, registry.ServiceDegraded: 4, registry.Drifted: 4}
			want, known := exit[c.decision]
			if !known {
				want = 1
			}
			slices.Sort(h.FailedScopes)
			h.FailedScopes = slices.DeleteFunc(h.FailedScopes, func(s registry.Scope) bool { return slices.Contains(c.maybe, s) })
			if h.Decision != c.decision || h.RuntimeAPIHealthy != c.usable || h.Retryable != c.retryable || h.exit != want ||
				!slices.Equal(h.FailedScopes, c.scopes) || h.OK != (c.decision == registry.Healthy) {
				t.Errorf("health reports %s, usable %t, retryable %t, failed %v, exit %d; want %s, %t, %t, %v, %d\n%s",
					h.Decision, h.RuntimeAPIHealthy, h.Retryable, h.FailedScopes, h.exit, c.decision, c.usable, c.retryable, c.scopes, want, h.stdout)
			}
			if warned := beside(h.Warnings); !slices.EqualFunc(warned, c.warns, strings.Contains) {
				t.Errorf("warnings are %q, want %q", warned, c.warns)
			}
			if warned := beside(well.Warnings); len(warned) > 0 {
				t.Errorf("after install the warnings are %q", warned)
			}
			if s.exit != 0 || !s.OK || s.Decision != h.Decision || !s.Installed {
				t.Errorf("status: exit %d, ok %t, %s", s.exit, s.OK, s.Decision)
			}
			if len(h.DoesNotImply) != 5 || h.Next == "" && !h.OK {
				t.Errorf("does not imply %v, next %q", h.DoesNotImply, h.Next)
			}
			if well.exit != 0 || well.Decision != registry.Healthy {
				t.Errorf("install does not make it well: %s", well.stdout)
			}
		})
	}
}

// beside leaves out the warning of every row: the lab's engine is old.
func beside(warnings []string) []string {
	return slices.DeleteFunc(slices.Clone(warnings), func(s string) bool { return strings.Contains(s, "a port that it publishes on loopback") })
}

// If the host itself cannot be asked, that is what is printed, and nothing of the registry.
func TestAHostThatCannotBeAskedIsNamed(t *testing.T) {
	cases := []struct {
		name      string
		make      func(ctx context.Context, t *testing.T) (config string)
		mend      []string
		reason    string
		retryable bool
		decision  registry.Decision
	}{
		{"its cable is out", func(ctx context.Context, t *testing.T) string {
			must(t, two.Plug(ctx, false))
			t.Cleanup(func() { must(t, two.Plug(context.WithoutCancel(ctx), true)) })
			return "/etc/unidesk"
		}, nil, "HOST_UNREACHABLE", true, registry.HostUnreachable},
		{"it has another host key", func(ctx context.Context, t *testing.T) string {
			return another(ctx, t, "D601-imposter", "HostKeyAlias imposter")
		}, nil, "HOST_KEY_MISMATCH", false, registry.HostUnreachable},
		{"the agent is stopped", func(_ context.Context, t *testing.T) string {
			on(t, "systemctl stop unidesk-agent.socket "+agentUnit)
			return "/etc/unidesk"
		}, []string{"systemctl start unidesk-agent.socket"}, "HOST_UNREACHABLE", true, registry.AgentUnavailable},
		{"the agent is not installed", func(_ context.Context, t *testing.T) string {
			on(t, "mv /usr/bin/unidesk-agent /usr/bin/unidesk-agent.away")
			return "/etc/unidesk"
		}, []string{"mv /usr/bin/unidesk-agent.away /usr/bin/unidesk-agent"}, "NOT_AN_AGENT", false, registry.AgentUnavailable},
		{"the agent knows nothing of registries, as an older one", func(_ context.Context, t *testing.T) string {
			on(t, "sed -i /registryRoots/d /etc/unidesk/agent.yaml", "systemctl stop "+agentUnit)
			return "/etc/unidesk"
		}, []string{"echo 'registryRoots: [/home/ubuntu/.unidesk]' >>/etc/unidesk/agent.yaml", "systemctl stop " + agentUnit}, "CAPABILITY_MISSING", false, registry.AgentUnavailable},
		{"the account has no role", func(context.Context, *testing.T) string { return "/etc/unidesk-norole" }, nil, "ROLE_MISSING", false, registry.Refused},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := c.make(t.Context(), t)
			v := ask(t, config, "health")
			on(t, c.mend...)
			if v.exit != 1 || v.OK || v.RuntimeAPIHealthy || v.Retryable != c.retryable || v.Decision != c.decision || !strings.Contains(v.stdout, c.reason) || v.Next == "" && v.Failure.Hint == "" {
				t.Errorf("%s, exit %d, retryable %t, want %s, %s:\n%s", v.Decision, v.exit, v.Retryable, c.decision, c.reason, v.stdout)
			}
		})
	}
}

// An account that may only read learns that, and not that there is no agent.
func TestAnInstallByOneWhoOnlyReadsIsRefused(t *testing.T) {
	v := ask(t, "/etc/unidesk-ro", "install")
	if v.exit != 1 || v.Decision != registry.Refused || !strings.Contains(v.stdout, "ROLE_MISSING") || !strings.Contains(v.Failure.Hint, "roles.admin") {
		t.Errorf("exit %d\n%s", v.exit, v.stdout)
	}
}

// another writes a configuration whose way to D601 differs in a line of ssh_config.
func another(ctx context.Context, t *testing.T, alias, line string) (config string) {
	t.Helper()
	hosts := readMaster(t, "/root/.ssh/config")
	own := fmt.Sprintf("Host %s\n  %s\n  HostName %s\n  User %s\n  IdentityFile %s\n\n", alias, line, two.D601.Addr, "unidesk-ro", two.Keys.ReadOnly.Master)
	known := readMaster(t, "/root/.ssh/known_hosts") + "imposter " + strings.Join(strings.Fields(two.Keys.Admin.Public)[:2], " ") + "\n"
	config = "/etc/" + strings.ToLower(alias)
	must(t, put(ctx, two.Master,
		file{path: "/root/.ssh/config", text: own + hosts, mode: 0o600},
		file{path: "/root/.ssh/known_hosts", text: known, mode: 0o600},
		file{path: config + "/controller.yaml", text: controllerConfig(alias)}))
	return config
}

// A second run of either has nothing to do, and prints that.
func TestBootstrapAndInstallTwiceChangeNothing(t *testing.T) {
	if v := install(t); v.exit != 0 || !strings.Contains(v.stdout, `"changes": 0`) {
		t.Errorf("install: exit %d\n%s", v.exit, v.stdout)
	}
	out, err := two.Master.Output(t.Context(), "unidesk-controller", "--config", administrator, "-o", "json",
		"host", "bootstrap", "D601", "--agent", "/root/unidesk-agent")
	if err != nil || !strings.Contains(out, `"changes": 0`) {
		t.Errorf("bootstrap: %v\n%s", err, out)
	}
}

// What a bare host was found to be, and what the two commands made of it.
func TestABareHostIsFurnishedByTwoCommands(t *testing.T) {
	for name, want := range map[string][]string{
		two.bare:         {"NOT_AN_AGENT", "host bootstrap D601"},
		two.bootstrapped: {`"decision": "succeeded"`},
		two.notInstalled: {`"ok": true`, `"installed": false`, `"not-installed"`},
		two.installed:    {`"healthy"`},
	} {
		for _, w := range want {
			if !strings.Contains(name, w) {
				t.Errorf("no %s in %s", w, name)
			}
		}
	}
	var made struct{ Changes int }
	if err := json.Unmarshal([]byte(two.bootstrapped), &made); err != nil || made.Changes < 1 {
		t.Errorf("%d changes, %v: %s", made.Changes, err, two.bootstrapped)
	}
}

// The registry is managed by tools that every administrator knows.
func TestTheManualCommandsOfTheSpecificationWork(t *testing.T) {
	for _, c := range []string{"systemctl status --no-pager " + unit, "systemctl restart " + unit, manual + " ps"} {
		out, err := two.D601.Output(t.Context(), strings.Fields(c)...)
		if err != nil {
			t.Errorf("%s: %v\n%s", c, err, out)
		}
	}
	must(t, two.registryAnswers(t.Context()))
	if out, err := two.D601.Output(t.Context(), strings.Fields(manual+" ps --format {{.Name}} --status running")...); err != nil || strings.TrimSpace(out) != registry.Container {
		t.Errorf("compose ps: %v, %q", err, out)
	}
}

// D601 reboots: the registry comes back by itself, and what it holds is there.
func TestTheRegistryComesBackAfterAReboot(t *testing.T) {
	tags := func() string {
		out, err := two.D601.Output(t.Context(), "find", storage, "-type", "f", "-name", "link")
		must(t, err)
		return out
	}
	before := tags()
	must(t, two.D601.Cut(t.Context()))
	must(t, two.D601.Boot(t.Context()))
	must(t, two.registryAnswers(t.Context()))
	if v := ask(t, "/etc/unidesk", "health"); v.exit != 0 {
		t.Errorf("after the reboot: %s", v.stdout)
	}
	if after := tags(); after != before {
		t.Error("the storage is not what it was")
	}
}

// An engine that crashed may take its containers for stopped by hand: the registry runs again all the same.
func TestTheRegistryComesBackAfterACrashOfItsEngine(t *testing.T) {
	must(t, two.registryAnswers(t.Context()))
	_, err := two.D601.Output(t.Context(), "systemctl", "kill", "--signal=KILL", "--kill-who=main", "docker.service")
	must(t, err)
	_, err = two.D601.Output(t.Context(), "systemctl", "restart", "docker.service")
	must(t, err)
	must(t, two.registryAnswers(t.Context()))
	if v := ask(t, "/etc/unidesk", "health"); v.exit != 0 {
		t.Errorf("after the crash: %s", v.stdout)
	}
}

// A boot at which the engine is not there in time is retried, and a start that fails
// removes nothing that runs.
func TestTheRegistryComesUpWithAnEngineThatIsLate(t *testing.T) {
	id := func() string {
		out, err := two.D601.Output(t.Context(), "docker", "ps", "--quiet", "--no-trunc", "--filter", "name="+registry.Container)
		must(t, err)
		return out
	}
	must(t, two.registryAnswers(t.Context()))
	before := id()
	// The program that starts it fails, as it does without an engine.
	_, err := two.D601.Output(t.Context(), "sh", "-c", "mkdir -p /run/systemd/system/"+unit+".d && printf '[Service]\\nExecStartPre=\\nExecStartPre=/bin/sh -c \"exit 1\"\\nExecStop=\\n' > /run/systemd/system/"+
		unit+".d/late.conf && systemctl daemon-reload && ! systemctl restart "+unit)
	must(t, err)
	if after := id(); after != before || before == "" {
		t.Errorf("a start that failed left %q of %q", after, before)
	}
	_, err = two.D601.Output(t.Context(), "sh", "-c", "rm -r /run/systemd/system/"+unit+".d && systemctl daemon-reload && for i in $(seq 60); do systemctl is-active "+unit+" && exit; sleep 1; done; exit 1")
	must(t, err)
	must(t, two.registryAnswers(t.Context()))
	if v := ask(t, "/etc/unidesk", "health"); v.exit != 0 {
		t.Errorf("with the engine: %s", v.stdout)
	}
}

// What cannot be installed is refused, and the host stays as it was.
func TestAnInstallThatCannotWorkLeavesTheHostAsItWas(t *testing.T) {
	state := func() string {
		out, err := two.D601.Output(t.Context(), "sh", "-c",
			"cd / && sha256sum "+configFile+" "+composeFile+" "+unitFile+"; ls -la "+registryFolder+" /etc/systemd/system | grep -v '^total\\| \\.\\.*$'; systemctl is-active "+unit+"; docker ps --no-trunc --format '{{.ID}} {{.Names}}'")
		if err != nil {
			return out + err.Error()
		}
		return out
	}
	cases := []struct {
		name       string
		settings   string // controller.yaml's registry
		make, mend []string
		reason     string
		exit       int
	}{
		{"an unknown key", "  colour: green\n", nil, nil, "CONFIG_INVALID", 1},
		{"an address that is not loopback", "  endpoint: 0.0.0.0:5000\n", nil, nil, "CONFIG_INVALID", 1},
		{"a folder outside the roots that the host allows", "  directory: /srv/registry\n", nil, nil, "PATH_REFUSED", 1},
		{"a tag that moves", "  image: registry:latest\n", nil, nil, "CONFIG_INVALID", 1},
		{"an image that cannot be had", "  image: registry:2.8.3@sha256:" + strings.Repeat("0", 64) + "\n", nil, nil, "IMAGE_UNAVAILABLE", 1},
		{"a port that somebody else has", "  endpoint: 127.0.0.1:22\n", nil, nil, "PORT_IN_USE", 1},
		{
			"a Compose file that somebody turned into a symbolic link", "",
			[]string{"mv " + composeFile + " /home/ubuntu/mine.yml", "ln -s /home/ubuntu/mine.yml " + composeFile},
			[]string{"rm " + composeFile, "mv /home/ubuntu/mine.yml " + composeFile},
			"PATH_REFUSED", 1,
		},
		{
			"a folder that somebody turned into a symbolic link", "",
			[]string{"mv " + registryFolder + " /home/ubuntu/mine", "ln -s /home/ubuntu/mine " + registryFolder},
			[]string{"rm " + registryFolder, "mv /home/ubuntu/mine " + registryFolder},
			"PATH_REFUSED", 1,
		},
		{
			"a disk that fills up", "",
			[]string{
				"cp -a " + registryFolder + " /root/kept",
				"mount -t tmpfs -o size=64k tmpfs " + registryFolder, "cp -a /root/kept/. " + registryFolder,
				"echo '# by hand' >>" + composeFile, "dd if=/dev/zero of=" + registryFolder + "/full bs=1k 2>/dev/null || true",
			},
			[]string{"umount " + registryFolder, "rm -r /root/kept"},
			"DISK_FULL", 1,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := administrator
			if c.settings != "" {
				config = "/etc/unidesk-case"
				must(t, put(t.Context(), two.Master, file{path: config + "/controller.yaml", text: controllerConfig("D601-admin") + "registry:\n" + c.settings}))
			}
			on(t, c.make...)
			before := state()
			v := two.Master.Exec(t.Context(), "unidesk-controller", "--config", config, "-o", "json", "artifact-registry", "install")
			out, _ := v.Output() // its exit code is looked at
			after := state()
			on(t, c.mend...)
			if got := v.ProcessState.ExitCode(); got != c.exit || !strings.Contains(string(out), c.reason) {
				t.Errorf("exit %d, want %d and %s:\n%s", got, c.exit, c.reason, out)
			}
			if before != after {
				t.Errorf("the host is\n%s\nwas\n%s", after, before)
			}
		})
	}
}

// TestBenchStatus is `make bench`: an operator looks often, and does not want to wait.
func TestBenchStatus(t *testing.T) {
	benched(t, "status")
	const times = 10
	ask(t, "/etc/unidesk", "status") // the first caller starts the agent
	var took []time.Duration
	for range times {
		began := time.Now()
		if v := ask(t, "/etc/unidesk", "status"); v.exit != 0 {
			t.Fatal(v.stdout)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	journal, err := two.D601.Output(t.Context(), "journalctl", "--unit", agentUnit, "--output", "json", "--output-fields", "METHOD,DURATION", "--lines", "200")
	must(t, err)
	var inside []time.Duration
	for line := range strings.Lines(journal) {
		var call struct {
			Method   string `json:"METHOD"`
			Duration int64  `json:"DURATION,string"` // in microseconds
		}
		if json.Unmarshal([]byte(line), &call) == nil && strings.HasSuffix(call.Method, "/Inspect") {
			inside = append(inside, time.Duration(call.Duration)*time.Microsecond)
		}
	}
	if len(inside) < times {
		t.Fatalf("the agent's journal has %d inspections", len(inside))
	}
	inside = inside[len(inside)-times:]
	slices.Sort(inside)
	t.Logf("status over ssh, median of %d: %s; in the agent: %s", times, took[times/2], inside[times/2])
	if took[times/2] > 1500*time.Millisecond || inside[times/2] > 300*time.Millisecond {
		t.Errorf("too slow: %v, in the agent %v", took, inside)
	}
}

// A new agent that does not answer gives way to the old agent, which did.
func TestAnAgentThatDoesNotAnswerIsTakenBack(t *testing.T) {
	const notAnAgent = "/usr/libexec/docker/cli-plugins/docker-compose" // a program for this host, and no agent
	cmd := two.Master.Exec(t.Context(), "unidesk-controller", "--config", administrator, "-o", "json",
		"host", "bootstrap", "D601", "--agent", notAnAgent)
	out, _ := cmd.Output() // its exit code is looked at
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), `"decision": "reverted"`) {
		t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), out)
	}
	if v := ask(t, "/etc/unidesk", "health"); v.exit != 0 {
		t.Errorf("the agent from before does not answer: %s", v.stdout)
	}
	if out, err := two.D601.Output(t.Context(), "unidesk-agent", "version"); err != nil || !strings.HasPrefix(out, "unidesk-agent e2e, ") {
		t.Errorf("%v: %q", err, out)
	}
}
