package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// configured is what a package's postinst has systemd and the groups do, a line each. Programs
// that only write down their arguments stand in for the host's; folders are those of the host.
func configured(t *testing.T, name, version, group string, folders ...string) string {
	t.Helper()
	content, err := os.ReadFile("deb/" + name + ".postinst")
	if err != nil {
		t.Fatal(err)
	}
	host := t.TempDir()
	bin, script, said := filepath.Join(host, "bin"), filepath.Join(host, "postinst"), filepath.Join(host, "said")
	for _, dir := range append(folders, "/bin") {
		if err := os.MkdirAll(filepath.Join(host, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("/run/", host+"/run/", "/var/lib/", host+"/var/lib/").Replace(string(content))
	files := map[string]string{script: text, filepath.Join(bin, "getent"): "#!/bin/sh\ncase $2 in unidesk) echo unidesk:x:990:alice ;; *) echo " + group + " ;; esac\n"}
	for _, program := range []string{"systemd-sysusers", "systemd-tmpfiles", "usermod", "deb-systemd-helper", "deb-systemd-invoke", "systemctl"} {
		files[filepath.Join(bin, program)] = "#!/bin/sh\necho " + program + ` "$@" >>` + said + "\n"
	}
	for path, content := range files {
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", script, "configure", version)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(said)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
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
	}
}
