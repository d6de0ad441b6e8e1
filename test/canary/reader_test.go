//go:build integration

package canary

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// reader is an account that may read the installation and use its engine, and may write
// nothing of it: nobody, with a group of its own.
type reader struct {
	home, temp string
	env        []string
}

const nobody, readers = 65534, 64987

// newReader lets the group read what an operator's group may read.
func newReader(t *testing.T) *reader {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("to become another account needs root")
	}
	dir, err := os.MkdirTemp("", "unidesk-reader-") //nolint:usetesting // outside of this test's own folder, which is root's
	drive.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &reader{home: filepath.Join(dir, "home"), temp: filepath.Join(dir, "tmp")}
	docker := filepath.Join(dir, "docker")
	for _, folder := range []string{r.home, r.temp, docker} {
		drive.Must(t, os.Mkdir(folder, 0o755))
	}
	drive.Must(t, os.Chmod(dir, 0o755))
	drive.Must(t, os.Chmod(r.temp, 0o777))
	// The plugin lies below root's home.
	config, err := os.ReadFile(filepath.Join(world.Engine.DockerConfig(), "config.json"))
	drive.Must(t, err)
	plugins := regexp.MustCompile(`\["(.*)"\]`).FindSubmatch(config)
	if plugins == nil {
		t.Fatalf("no folder of plugins in %s", config)
	}
	plugin, err := os.ReadFile(filepath.Join(string(plugins[1]), "docker-compose"))
	drive.Must(t, err)
	drive.Must(t, os.WriteFile(filepath.Join(docker, "docker-compose"), plugin, 0o755))
	drive.Must(t, os.WriteFile(filepath.Join(docker, "config.json"), fmt.Appendf(nil, "{\"cliPluginsExtraDirs\": [%q]}\n", docker), 0o644))
	r.env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + r.home, "TMPDIR=" + r.temp, "DOCKER_CONFIG=" + docker}

	for _, path := range []string{world.Controller.Config, world.Controller.State, world.Master.Root, filepath.Dir(world.Controller.Program), world.SSH.ClientConfig} {
		r.mayRead(t, path)
	}
	ssh, err := os.ReadFile(world.SSH.ClientConfig)
	drive.Must(t, err)
	for _, file := range regexp.MustCompile(`(?m)^ *(?:IdentityFile|UserKnownHostsFile) (.*)$`).FindAllStringSubmatch(string(ssh), -1) {
		r.mayRead(t, file[1])
	}
	r.mayRead(t, world.Master.EnvFile)
	socket := strings.TrimPrefix(world.Engine.Host, "unix://")
	r.mayPass(t, socket)
	drive.Must(t, os.Chown(socket, -1, readers))
	drive.Must(t, os.Chmod(socket, 0o660))
	return r
}

// mayRead gives the group the right to read what is below a path, and to come there.
func (r *reader) mayRead(t *testing.T, path string) {
	t.Helper()
	r.mayPass(t, path)
	drive.Must(t, filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode() | 0o040
		if d.IsDir() || mode&0o100 != 0 {
			mode |= 0o010
		}
		if err := os.Chown(name, -1, readers); err != nil {
			return err
		}
		return os.Chmod(name, mode&^0o020)
	}))
}

func (r *reader) mayPass(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); strings.HasPrefix(dir, world.Dir); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		drive.Must(t, err)
		drive.Must(t, os.Chmod(dir, info.Mode()|0o001))
	}
}

// run runs a command as the account.
func (r *reader) run(t *testing.T, line string) (exit int, said string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), world.Controller.Program, append([]string{"--config", world.Controller.Config}, strings.Fields(line)...)...)
	cmd.Env, cmd.Dir = r.env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, Groups: []uint32{readers}}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// written is all that is in the folders, with modes, sizes and times.
func (r *reader) written(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, top := range []string{r.home, r.temp, world.Controller.State, world.Controller.Config, world.Master.Root, filepath.Dir(world.SSH.ClientConfig)} {
		drive.Must(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, ".log") || path == r.temp {
				return err
			}
			info, err := d.Info()
			if err == nil {
				fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
			}
			return err
		}))
	}
	return all.String()
}

// An account that may only read gets each answer that root gets, and leaves nothing. Only
// a plan shows besides that it cannot deploy.
func TestAnAccountThatMayOnlyReadGetsTheSameAnswers(t *testing.T) {
	const service = "frontend"
	commit := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, commit).Want(t, contract.DecidedSucceeded, "", 0)
	next := world.Release(t, service, lab.Change{})
	receipts, err := filepath.Glob(filepath.Join(world.Controller.State, "ledger", "prod", service, "*.json"))
	drive.Must(t, err)
	id := strings.TrimSuffix(filepath.Base(receipts[len(receipts)-1]), ".json")
	lines := []string{
		"artifact-registry deploy-service --service frontend --commit " + next,
		"artifact-registry deploy-service --service frontend --commit " + commit,
		"artifact-registry deploy-service --service frontend --dry-run --commit " + next,
		"artifact-registry deploy-service --service findjob --commit " + next,
		"artifact-registry deploy-backend-core",
		"artifact-registry plan", "artifact-registry render", "artifact-registry install --dry-run",
		"artifact-registry status", "artifact-registry health", "artifact-registry list", "artifact-registry list --service frontend", "artifact-registry catalog",
		"deploy plan --env prod", "deploy plan --env prod --service frontend --commit " + next, "deploy apply --env prod --dry-run", "deploy diff --env prod",
		"history", "history --all", "history show " + id, "logs --run " + id, "verify --service frontend", "rollback --service frontend", "logs --service frontend --lines 3",
		"services", "services frontend", "catalog print", "catalog check " + filepath.Join(world.Controller.Config, "services.yaml"),
		"host list", "host placement D601", "host placement D601 --rbac", "doctor", "explain", "version", "version --hosts",
	}
	want, well := map[string]int{}, 0
	for _, line := range lines { // before the files are given away: ssh takes no key of its own that others may read
		want[line] = world.Run(t, strings.Fields(line)...).Exit
		if want[line] == 0 {
			well++
		}
	}
	if well < 20 {
		t.Errorf("only %d of %d end well as root: %v", well, len(lines), want)
	}
	r := newReader(t)
	for _, line := range lines {
		before := r.written(t)
		got, said := r.run(t, line)
		if strings.Contains(line, next) && strings.Contains(said, "cannot be replaced by nobody, who may not write to") {
			got -= 3 // the plan names what stands before a deploy by this account, which is no part of root's answer
		}
		if got != want[line] {
			t.Errorf("%s: exit %d, root's %d\n%s", line, got, want[line], said)
		}
		if after := r.written(t); after != before {
			t.Errorf("%s left\n%s\nbefore it\n%s", line, after, before)
		}
	}
}
