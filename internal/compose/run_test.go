package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// fake is a runtime whose docker is a shell script, run in the project's folder. The
// program is a file of the repository: a file just written cannot always be started
// (ETXTBSY) while other tests fork.
func fake(t *testing.T, env, script string) *Runtime {
	t.Helper()
	return fakeIn(t, t.TempDir(), env, script)
}

func fakeIn(t *testing.T, root, env, script string) *Runtime {
	t.Helper()
	for name, text := range map[string]string{"docker.sh": script + "\n", "c.env": env} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := New(Config{
		Root: root, Project: "unidesk", Files: []string{"docker-compose.yml", "/etc/more.yml"}, EnvFile: filepath.Join(root, "c.env"),
		DockerHost: "unix:///nowhere", Docker: "./testdata/docker",
	}, machine{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sample() workload.Spec {
	return workload.Spec{
		Ref: workloadtest.Ref("unidesk", "sample"), KeyPrefix: "UNIDESK_SAMPLE_DEPLOY_", Compose: &workload.ComposeSpec{ContainerName: "sample-backend"},
	}
}

// machine is an engine that has these containers, all of any service.
type machine struct {
	Engine
	found []engine.Container
	err   error
}

func (m machine) Containers(context.Context, string, string) ([]engine.Container, error) {
	return m.found, m.err
}

// Image returns an image with the environment that any container of it is given.
func (m machine) Image(context.Context, string) (engine.Image, error) {
	return engine.Image{Env: engine.Env{"PUBLIC=such file", "KEY=of another value"}}, m.err
}

func exists(r *Runtime, name string) bool {
	_, err := os.Stat(filepath.Join(r.config.Root, name))
	return err == nil
}

// await waits until the command has written a file.
func await(t *testing.T, r *Runtime, name string) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !exists(r, name); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("the command has not written %s in two minutes", name)
			return
		}
	}
}

func said(t *testing.T, r *Runtime, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.config.Root, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestComposeIsStartedInExactlyThisWay(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", "/some/config")
	t.Setenv("COMPOSE_FILE", "/evil.yml")
	t.Setenv("DOCKER_CONTEXT", "evil")
	t.Setenv("SECRET", "evil")
	r := fake(t, "SECRET=hunter2\n", `for a in "$@"; do echo "$a"; done > argv; tr '\0' '\n' < /proc/$$/environ > environ; pwd > cwd; cut -d' ' -f5 /proc/$$/stat > pgid; readlink /proc/$$/fd/3 > lock`)
	lock, err := os.Create(filepath.Join(r.config.Root, "the.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := r.up(t.Context(), sample(), lock); err != nil {
		t.Fatal(err)
	}
	root := r.config.Root
	if d := cmp.Diff([]string{
		"compose", "--project-directory", root, "-p", "unidesk", "--env-file", root + "/c.env", "-f", root + "/docker-compose.yml", "-f", "/etc/more.yml",
		"--progress", "plain", "up", "-d", "--no-build", "--no-deps", "--force-recreate", "--pull", "never", "sample",
	}, strings.Split(said(t, r, "argv"), "\n")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{
		"DOCKER_HOST=unix:///nowhere", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DOCKER_CONFIG=/some/config",
	}, strings.Split(said(t, r, "environ"), "\n")); d != "" {
		t.Error(d)
	}
	if said(t, r, "cwd") != root {
		t.Error("cwd", said(t, r, "cwd"))
	}
	if own := strconv.Itoa(unix.Getpgrp()); said(t, r, "pgid") == own {
		t.Error("it is not in a process group of its own")
	}
	if said(t, r, "lock") != lock.Name() {
		t.Error("it has not got the lock:", said(t, r, "lock"))
	}
}

func TestTheLockIsHeldByWhatComposeLeavesRunning(t *testing.T) {
	t.Parallel()
	r := fake(t, "", `sleep 1 >/dev/null 2>&1 &`)
	open := func() *os.File {
		f, err := os.OpenFile(filepath.Join(r.config.Root, "the.lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	lock, other := open(), open()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := r.up(t.Context(), sample(), lock); err != nil {
		t.Fatal(err)
	}
	_ = lock.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		t.Fatal("it is free while a process that Compose started runs")
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}

func TestAFailureShowsTheEndOfTheOutputWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := fake(t, "SECRET=hunter2\nPART=ab$hunter3\n", `i=0; while [ $i -lt 40 ]; do echo "line $i"; i=$((i+1)); done
echo 'time="x" level=warning msg="The \"hunter3\" variable is not set. Defaulting to a blank string."' >&2
printf 'Error: no such thing: \033[31mhunter2\n' >&2; exit 17`)
	err := r.up(t.Context(), sample(), nil)
	if fault.ReasonOf(err) != fault.ComposeFailed {
		t.Fatal(err)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "docker compose ended with exit status 17: line 29; ") || !strings.HasSuffix(text, "line 39; Error: no such thing: ?[31m[redacted]") {
		t.Error(text)
	}
}

// What stands in the Compose file, or in an env file of the service's own, is known
// from the containers that got it, the new container among them.
func TestAFailureShowsNothingThatAContainerWasGiven(t *testing.T) {
	t.Parallel()
	r := fake(t, "SECRET=hunter2\n", `echo 'exec: "hunter3": no such file, as hunter2 of sample-backend at 0123456789' >&2; exit 1`)
	r.engine = machine{found: []engine.Container{
		{Env: []string{"OLD=else"}},
		{Env: []string{"PUBLIC=such file", "KEY=hunter3", "NAME=sample-backend", "UNIDESK_SAMPLE_DEPLOY_COMMIT=0123456789"}},
	}}
	err := r.up(t.Context(), sample(), nil)
	if want := `docker compose ended with exit status 1: exec: "[redacted]": no such file, as [redacted] of sample-backend at 0123456789`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	r.engine = machine{err: errors.New("it does not answer")}
	if err := r.up(t.Context(), sample(), nil); err == nil || !strings.Contains(err.Error(), "as [redacted] of sample-backend") {
		t.Errorf("%v", err)
	}
}

func TestAMissingPluginIsNamed(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"docker: 'compose' is not a docker command.", "unknown shorthand flag: 'p' in -p", "unknown flag: --project-directory"} {
		r := fake(t, "", `echo "`+words+`" >&2; exit 125`)
		if err := r.up(t.Context(), sample(), nil); !strings.Contains(err.Error(), "no Compose plugin") || fault.HintOf(err) == "" {
			t.Error(err)
		}
	}
}

func TestAnOldPluginIsNamed(t *testing.T) {
	t.Parallel()
	r := fake(t, "", `echo "unknown flag: --no-env-resolution" >&2; exit 16`)
	_, err := r.define(t.Context(), mustEnv(t, r), "sample")
	if err == nil || !strings.Contains(err.Error(), "Compose is too old: unknown flag: --no-env-resolution") || fault.HintOf(err) != declared.Install {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}

func TestAnythingPrintedAtAnyLengthIsBounded(t *testing.T) {
	t.Parallel()
	r := fake(t, "", `head -c 40000000 /dev/zero | tr '\0' x; while stat -L -c %b /proc/$$/fd/1 | cat > blocks; [ $(cat blocks) -gt 2048 ]; do sleep 0.1; done; echo; echo the end; exit 1`)
	err := r.up(t.Context(), sample(), nil)
	if n, err := strconv.Atoi(said(t, r, "blocks")); err != nil || n*512 > 1<<20 {
		t.Errorf("%d blocks are held (%v)", n, err)
	}
	if len(err.Error()) > maxOutput+1000 || !strings.HasSuffix(err.Error(), "the end") {
		t.Errorf("%d bytes", len(err.Error()))
	}
	r = fake(t, "", `head -c 40000000 /dev/zero`)
	if _, err := r.read(t.Context(), mustEnv(t, r), "config"); fault.ReasonOf(err) != fault.ComposeFailed {
		t.Error(err)
	}
}

func TestGivingUpLetsARecreateEnd(t *testing.T) {
	t.Parallel()
	r := fake(t, "", `trap 'echo told > signal' TERM INT; echo > begun; until [ -e left ]; do sleep 0.1; done; sleep 0.5; echo done > done`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(t, r, "begun")
		cancel()
		if err := os.WriteFile(filepath.Join(r.config.Root, "left"), nil, 0o600); err != nil {
			t.Error(err)
		}
	}()
	if err := r.up(ctx, sample(), nil); err != nil {
		t.Fatal(err)
	}
	if said(t, r, "done") != "done" {
		t.Error("it did not end")
	}
	if _, err := os.Stat(filepath.Join(r.config.Root, "signal")); err == nil {
		t.Error("it got the signal to stop")
	}
}

func TestARecreateThatDoesNotEndIsStopped(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limits limits
		giveUp bool
	}{
		"in its time":               {limits{recreate: 300 * time.Millisecond, grace: time.Hour}, false},
		"after the caller has left": {limits{recreate: time.Hour, grace: time.Millisecond}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// timeout(1) passes no signal on before its fork has returned: then it sleeps.
			r := fake(t, "", `until [ "$(cut -d' ' -f3 /proc/$PPID/stat)" = S ]; do sleep 0.01; done
trap 'echo told > signal; exit 1' TERM; echo $$ > pid; while :; do sleep 0.1; done`)
			r.limits.recreate, r.limits.grace = tt.limits.recreate, tt.limits.grace
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.giveUp {
				go func() {
					await(t, r, "pid")
					cancel()
				}()
			}
			err := r.up(ctx, sample(), nil)
			for !exists(r, "pid") && r.limits.recreate < time.Minute { // on a busy machine it begins later
				r.limits.recreate *= 2
				err = r.up(ctx, sample(), nil)
			}
			if fault.ReasonOf(err) != fault.ComposeFailed || !strings.Contains(err.Error(), "was stopped") {
				t.Error(err)
			}
			if said(t, r, "signal") != "told" {
				t.Error("it got no signal")
			}
			pid, err := strconv.Atoi(said(t, r, "pid"))
			if err != nil || syscall.Kill(pid, 0) == nil {
				t.Errorf("process %d is still there (%v)", pid, err)
			}
		})
	}
}

func TestAnEndedContextStartsNothing(t *testing.T) {
	t.Parallel()
	r := fake(t, "", `echo x > started`)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("enough"))
	if err := r.up(ctx, sample(), nil); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(r.config.Root, "started")); err == nil {
		t.Error("it was started")
	}
}

func TestAnEnvFileThatRedirectsComposeIsRefused(t *testing.T) {
	t.Parallel()
	for env, ok := range map[string]bool{
		"A=1\n": true, "COMPOSE_PROJECT_NAME=unidesk\n": true, "COMPOSE_PROFILES=x\n": true,
		"COMPOSE_PROJECT_NAME=other\n": false, "COMPOSE_FILE=docker-compose.yml\n": false, "export COMPOSE_FILE=\n": false,
		"COMPOSE_ENV_FILES=x\n": false, "COMPOSE_REMOVE_ORPHANS=true\n": false,
	} {
		r := fake(t, env, `echo x > started`)
		err := r.up(t.Context(), sample(), nil)
		if ok != (err == nil) || !ok && fault.ReasonOf(err) != fault.WorkloadUnfit {
			t.Errorf("%q: %v", env, err)
		}
	}
}

func TestTheVersionIsAskedWithoutAProject(t *testing.T) {
	dir := t.TempDir()
	timeout, err := exec.LookPath("timeout")
	if err == nil {
		err = os.Symlink(timeout, filepath.Join(dir, "timeout"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if _, err := Version(t.Context()); fault.ReasonOf(err) != fault.EngineUnavailable || fault.HintOf(err) == "" {
		t.Errorf("without docker: %v", err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	plugins := filepath.Join(dir, "cli-plugins")
	if err := os.Mkdir(plugins, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, answers := range map[string]string{filepath.Join(dir, "docker"): "false", filepath.Join(plugins, "docker-compose"): "[ \"$*\" = \"version --short\" ] && echo v2.40.1"} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+answers+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := Version(t.Context()); v != "2.40.1" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

func TestTimeToStopIsTimeForTheRecreate(t *testing.T) {
	t.Parallel()
	for stops, want := range map[time.Duration]time.Duration{
		0: usual().recreate, 10 * time.Second: usual().recreate, 7 * time.Minute: 9 * time.Minute,
	} {
		got := usual().with(stops)
		if got.recreate != want || got.grace < stops || got.grace > got.recreate {
			t.Errorf("%s: %+v", stops, got)
		}
	}
}

// stuck is an engine whose container does not stop.
type stuck struct{ machine }

func (s stuck) Container(context.Context, string) (engine.Container, error) { return s.found[0], nil }

func TestTheContainerThatDoesNotStopIsNamed(t *testing.T) {
	t.Parallel()
	r := fake(t, "", `while :; do sleep 0.1; done`)
	r.engine = stuck{machine{found: []engine.Container{{ID: "old", Name: "sample-backend", Running: true, StopTimeout: 200 * time.Millisecond}}}}
	r.limits.recreate, r.limits.beside = 100*time.Millisecond, 100*time.Millisecond
	err := r.up(t.Context(), sample(), nil)
	if fault.ReasonOf(err) != fault.ComposeFailed || !strings.Contains(err.Error(), "container sample-backend did not stop: it gets 200ms for that: docker compose was stopped") {
		t.Error(err)
	}
}

// slow is an engine whose container takes all of its time to stop.
type slow struct {
	machine
	given *time.Duration
}

func (s slow) StopContainer(ctx context.Context, _ string) error {
	deadline, _ := ctx.Deadline()
	*s.given = time.Until(deadline)
	return nil
}

func TestTheWayBackWaitsForAContainerThatIsSlowToStop(t *testing.T) {
	t.Parallel()
	r := fake(t, "", "")
	var given time.Duration
	r.engine = slow{given: &given}
	const stops = 9 * time.Minute
	if err := r.stop(t.Context(), &engine.Container{ID: "new", StopTimeout: stops}); err != nil || given < stops {
		t.Errorf("%v, it gets %s of %s", err, given, stops)
	}
}
