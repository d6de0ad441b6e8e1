package packaging_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scripted runs a script of a package and returns what it has systemd and the groups do, a line
// each, and its error. Programs that only write down their arguments stand in for the host's;
// below are folders and files of the host.
func scripted(t *testing.T, name string, args []string, group string, below ...string) (did, printed string, err error) {
	t.Helper()
	content, err := os.ReadFile("deb/" + name)
	if err != nil {
		t.Fatal(err)
	}
	host := t.TempDir()
	bin, script, said := filepath.Join(host, "bin"), filepath.Join(host, "script"), filepath.Join(host, "said")
	text := strings.NewReplacer("/run/", host+"/run/", "/var/lib/", host+"/var/lib/").Replace(string(content))
	files := map[string]string{
		script: text, said: "", filepath.Join(bin, "getent"): "#!/bin/sh\ncase $2 in unidesk) echo unidesk:x:990:alice ;; *) echo " + group + " ;; esac\n",
	}
	for _, program := range []string{"systemd-sysusers", "systemd-tmpfiles", "usermod", "deb-systemd-helper", "deb-systemd-invoke", "systemctl"} {
		files[filepath.Join(bin, program)] = "#!/bin/sh\necho " + program + ` "$@" >>` + said + "\n"
	}
	for _, path := range below {
		if filepath.Ext(path) != "" {
			files[filepath.Join(host, path)] = ""
		} else if err := os.MkdirAll(filepath.Join(host, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	acts, readErr := os.ReadFile(said)
	if readErr != nil {
		t.Fatal(readErr)
	}
	return string(acts), string(out), err
}

// configured is what a package's postinst has done.
func configured(t *testing.T, name, version, group string, folders ...string) string {
	t.Helper()
	did, printed, err := scripted(t, name+".postinst", []string{"configure", version}, group, folders...)
	if err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	return did
}

// The state folder goes with a purge, and the agent is who takes a change back.
func TestAnAgentWithAnUnsettledChangeIsNotRemoved(t *testing.T) {
	t.Parallel()
	const changes = "/var/lib/unidesk-agent/changes/unidesk/"
	for name, c := range map[string]struct {
		act  string
		file string
		goes bool
	}{
		"a settled change":      {"remove", changes + "compose-unidesk-findjob.last.json", true},
		"a pending change":      {"remove", changes + "compose-unidesk-findjob.pending.json", false},
		"an upgrade during one": {"upgrade", changes + "compose-unidesk-findjob.pending.json", true},
	} {
		did, printed, err := scripted(t, "agent.prerm", []string{c.act}, "", "/run/systemd/system", c.file)
		if (err == nil) != c.goes || strings.Contains(did, "stop") != (c.goes && c.act == "remove") {
			t.Errorf("%s: %v\n%s%s", name, err, printed, did)
		}
		if !c.goes && (!strings.Contains(printed, c.file) || !strings.Contains(printed, "unidesk-controller recover")) {
			t.Errorf("%s: %q", name, printed)
		}
	}
}

// dpkg knows nothing of an agent that a bootstrap put there: the package's first version finds it running.
func TestAPackageTakesThePlaceOfWhatRuns(t *testing.T) {
	t.Parallel()
	const known, restart = "unidesk-agent:x:991:", "deb-systemd-invoke restart unidesk-agent.service\n"
	const old = "deb-systemd-invoke stop unidesk-agent.service unidesk-agent.socket\n"
	for name, c := range map[string]struct {
		version, group string
		folders        []string
		older          bool // the socket's group is unidesk
	}{
		"a new host":            {"", "", []string{"/run/systemd/system"}, false},
		"a bootstrapped host":   {"", known, []string{"/run/systemd/system", "/run/unidesk-agent"}, false},
		"an older bootstrap":    {"", "", []string{"/run/systemd/system", "/run/unidesk-agent"}, true},
		"an upgrade":            {"1.0.0", known, []string{"/run/systemd/system", "/run/unidesk-agent"}, false},
		"an upgrade of old":     {"0.9.0", "", []string{"/run/systemd/system", "/run/unidesk-agent"}, true},
		"a host without a boot": {"", "", nil, false},
	} {
		got := configured(t, "agent", c.version, c.group, c.folders...)
		if strings.Contains(got, restart) != (len(c.folders) > 0) || strings.Contains(got, "start unidesk-agent.service") != (len(c.folders) > 0) {
			t.Errorf("%s: the agent is not restarted:\n%s", name, got)
		}
		if strings.Contains(got, old) != c.older || strings.Contains(got, "usermod -a -G unidesk-agent alice\n") != c.older {
			t.Errorf("%s: of an older socket:\n%s", name, got)
		}
	}
	if got := configured(t, "controller", "", "", "/run/systemd/system"); !strings.Contains(got, "deb-systemd-invoke restart unidesk-controller.service\n") {
		t.Errorf("the watch is not restarted:\n%s", got)
	} else if !strings.Contains(got, "deb-systemd-invoke start unidesk-page.socket\n") {
		t.Errorf("the page is not started:\n%s", got)
	}
}
