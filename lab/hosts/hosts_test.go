//go:build e2e

package hosts_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// A single lab serves all the checks.
func TestTheLabIsTwoRealHosts(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), upTime)
	defer cancel()
	start := time.Now()
	lab, err := hosts.Up(ctx, hosts.Config{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("up in %s", time.Since(start).Round(100*time.Millisecond))

	for _, host := range []*hosts.Host{lab.D601, lab.Master} {
		t.Run("systemd runs on "+host.Name, func(t *testing.T) {
			// The command fails when a unit has; which is no matter of ours as long as the rest is up.
			state, err := host.Output(ctx, "systemctl", "is-system-running")
			if state = strings.TrimSpace(state); state != "running" && state != "degraded" {
				t.Errorf("systemd reports %q: %v", state, err)
			}
			failed, _ := host.Output(ctx, "systemctl", "--failed", "--plain", "--no-legend")
			t.Logf("%s; failed units: %q", state, failed)
		})
		t.Run("Docker answers on "+host.Name, func(t *testing.T) {
			info, err := host.Output(ctx, "docker", "info", "--format", "{{.Name}} {{.ServerVersion}} {{.Driver}} {{.CgroupDriver}}")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(info, host.Name+" ") || !strings.Contains(info, " overlay2 ") {
				t.Errorf("docker info prints %q", info)
			}
			t.Log(strings.TrimSpace(info))
		})
		t.Run("Compose works on "+host.Name, func(t *testing.T) {
			version, err := host.Output(ctx, "docker", "compose", "version", "--short")
			if err != nil {
				t.Fatal(err)
			}
			t.Log(strings.TrimSpace(version))
		})
	}
	t.Run("the master reaches D601 by ssh", func(t *testing.T) {
		for alias, user := range map[string]string{"D601": hosts.DeployUser, "D601-ro": hosts.ReadOnlyUser, "D601-admin": hosts.AdminUser} {
			who, err := lab.Master.Output(ctx, "ssh", alias, "id -un; hostname")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Fields(who), []string{user, lab.D601.Name}; strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("ssh %s lands in %q, want %q", alias, got, want)
			}
		}
	})
	t.Run("a host key that is not known is refused", func(t *testing.T) {
		if out, err := lab.Master.Output(ctx, "ssh", "-o", "HostKeyAlias=somebody-else", "D601", "true"); err == nil {
			t.Errorf("ssh went ahead: %q", out)
		}
	})
	t.Run("a shaped link is slow both ways and counted", func(t *testing.T) { testLink(ctx, t, lab) })
	t.Run("a container runs", func(t *testing.T) { testContainer(ctx, t, lab.D601) })
	t.Run("a host keeps its disks through a power cut", func(t *testing.T) {
		if err := lab.D601.WriteFile(ctx, "/etc/kept", []byte("kept\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := lab.D601.Cut(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := lab.D601.Output(ctx, "true"); err == nil {
			t.Error("a command ran on a host that is off")
		}
		if err := lab.D601.Boot(ctx); err != nil {
			t.Fatal(err)
		}
		if kept, err := lab.D601.Output(ctx, "cat", "/etc/kept"); err != nil || kept != "kept\n" {
			t.Errorf("read %q, %v", kept, err)
		}
		if _, err := lab.Master.Output(ctx, "ssh", "D601", "true"); err != nil {
			t.Error(err)
		}
	})
}

// testLink sends 4 MiB each way at 16 Mbit/s: two seconds, less what the bucket holds.
func testLink(ctx context.Context, t *testing.T, lab *hosts.Lab) {
	t.Helper()
	const size = 4 << 20
	if err := lab.Shape(ctx, 16); err != nil {
		t.Fatal(err)
	}
	for _, remote := range []string{"head -c 4194304 /dev/urandom", "cat >/dev/null"} {
		before, err := lab.Counters()
		if err != nil {
			t.Fatal(err)
		}
		cmd := lab.Master.Exec(ctx, "ssh", "D601", remote)
		if strings.HasPrefix(remote, "cat") {
			cmd.Stdin = strings.NewReader(strings.Repeat("x", size))
		}
		start := time.Now()
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if time.Now().Before(start.Add(1500 * time.Millisecond)) {
			t.Errorf("%d bytes came sooner than 16 Mbit/s can", size)
		}
		t.Logf("%s: %s", remote, time.Since(start).Round(10*time.Millisecond))
		after, err := lab.Counters()
		if err != nil {
			t.Fatal(err)
		}
		crossed := after.Sub(before)
		if most := max(crossed.ToD601, crossed.FromD601); most < size || most > size*5/4 {
			t.Errorf("%d bytes are counted as %d", size, most)
		}
	}
	if err := lab.Shape(ctx, 0); err != nil {
		t.Fatal(err)
	}
}

// testContainer makes an image of the host's own compose plugin, the only static
// program that is there, and runs it.
func testContainer(ctx context.Context, t *testing.T, host *hosts.Host) {
	t.Helper()
	build := host.Exec(ctx, "docker", "import", "-", "static")
	archive := host.Exec(ctx, "tar", "-C", "/usr/libexec/docker/cli-plugins", "-c", "docker-compose")
	pipe, err := archive.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	build.Stdin = pipe
	if err := archive.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := archive.Wait(); err != nil {
		t.Fatal(err)
	}
	out, err := host.Output(ctx, "docker", "run", "--rm", "static", "/docker-compose", "version")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(strings.TrimSpace(out))
}

func TestTwoLabsAreUpAtATime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), upTime) // another run of this test may have the other place
	defer cancel()
	var labs [2]*hosts.Lab
	for i := range labs {
		lab, err := hosts.Up(ctx, hosts.Config{Log: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := lab.Close(); err != nil {
				t.Error(err)
			}
		})
		labs[i] = lab
	}
	for _, lab := range labs {
		name, err := lab.Master.Output(ctx, "ssh", "D601", "hostname")
		if got := strings.TrimSpace(name); err != nil || got != lab.D601.Name {
			t.Errorf("%s reaches %q (%v), want %s", lab.Master.Name, got, err, lab.D601.Name)
		}
	}
	if a, b := labs[0].D601, labs[1].D601; a.Name == b.Name || a.Addr == b.Addr {
		t.Errorf("both labs have %s at %s", a.Name, a.Addr)
	}
}
