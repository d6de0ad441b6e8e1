//go:build integration

package canary

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
	"github.com/pikasTech/unidesk-artifact-cd/test/leak"
)

// flock hears all that the product prints while secrets are planted.
type flock struct {
	*leak.Detector
	mu sync.Mutex
	// seen are words of command lines, and files, that were sampled: a search that
	// looks nowhere finds nothing.
	seen map[string]bool
	// failed are the steps at which deploys did.
	failed map[string]bool
}

func (f *flock) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[what] = true
}

// line notes the words of a command line.
func (f *flock) line(line string) {
	if !strings.Contains(line, world.Dir) {
		return // of another world
	}
	for _, word := range []string{"unidesk-controller", "--force-recreate", "stdio"} {
		if strings.Contains(line, word) {
			f.note(word)
		}
	}
}

// file notes a file of a change that is not settled.
func (f *flock) file(path string, _ fs.FileInfo) (mayHold bool) {
	switch {
	case strings.HasSuffix(path, ".pending.json"):
		f.note("a before-image")
	case leak.OfAChange(path):
		f.note("the secrets of a before-image")
		return true
	}
	return false
}

// run runs a command that changes nothing twice, as text and as JSON, and searches what
// it prints. Its exit code is the caller's to want, -1 for any.
func (f *flock) run(t *testing.T, exit int, args ...string) {
	t.Helper()
	var both sync.WaitGroup
	for _, format := range []string{"text", "json"} {
		both.Go(func() { f.once(t, exit, append([]string{"-o", format}, args...)...) })
	}
	both.Wait()
}

func (f *flock) once(t *testing.T, exit int, args ...string) {
	t.Helper()
	cmd := world.Controller.Command(t.Context(), args...)
	cmd.Env = append(slices.Clip(cmd.Env), "UNIDESK_DEBUG=1") // its lines are output, too
	got, stdout, stderr, err := f.Run(cmd)
	if err != nil {
		t.Error(err)
		return
	}
	for _, program := range []string{"--force-recreate", "call Stream of"} {
		if traced := regexp.MustCompile("(?m)^debug [0-9]+: .*" + program); traced.Match(stderr) {
			f.note("--debug: " + program)
		}
	}
	if exit >= 0 && got != exit {
		t.Errorf("%v: exit %d, want %d\n%s%s", args, got, exit, stdout, stderr)
	}
	var a struct{ Failure *struct{ Step string } }
	if json.Unmarshal(stdout, &a) == nil && a.Failure != nil && a.Failure.Step != "" {
		f.mu.Lock()
		f.failed[a.Failure.Step] = true
		f.mu.Unlock()
	}
}

// lastReceipt is the id of the newest receipt that the flags of history ask for.
func lastReceipt(t *testing.T, flags ...string) string {
	t.Helper()
	a := world.Run(t, append([]string{"history"}, flags...)...)
	var receipts struct{ Items []struct{ ID string } }
	drive.Must(t, json.Unmarshal(a.Stdout, &receipts))
	if len(receipts.Items) == 0 {
		t.Fatal("there are no receipts")
	}
	return receipts.Items[0].ID
}

// cell is a service and an environment, "none" for no flag, and the exit codes of a dry
// run, a plan and a run that goes live, if everything is well. What is clustered runs
// in Kubernetes.
type cell struct {
	service, env string
	exits        [3]int
	clustered    bool
}

// matrix are all of them.
func matrix(t *testing.T) (cells []cell) {
	t.Helper()
	table, err := os.ReadFile("../../internal/deploy/testdata/matrix.txt")
	drive.Must(t, err)
	services, err := catalog.Builtin()
	drive.Must(t, err)
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		column := strings.Fields(line)
		c := cell{service: column[0], env: column[1]}
		row, err := services.Row(c.service)
		drive.Must(t, err)
		env := artifact.Prod
		if c.env == "dev" {
			env = artifact.Dev
		}
		c.clustered = row.Environment(env).Target.Kubernetes != nil
		for i := range c.exits {
			c.exits[i], err = strconv.Atoi(column[4+3*i])
			drive.Must(t, err)
		}
		cells = append(cells, c)
	}
	if len(cells) != 15*3 {
		t.Errorf("%d cells, want 45", len(cells))
	}
	return cells
}

// everywhere publishes an image as every service of the matrix, at a commit.
func everywhere(t *testing.T, all []cell, from lab.Summary) (commit string) {
	t.Helper()
	commit = strings.Repeat("e", 40)
	for _, c := range all {
		if c.env != "none" {
			continue
		}
		from.ServiceID = c.service
		labels := map[string]string{"org.opencontainers.image.revision": commit, "unidesk.service": c.service}
		if c.service == "todo-note" {
			labels["org.opencontainers.image.source"] = "https://github.com/pikasTech/todo-note"
		}
		_, err := world.CI.PushLabelled(t.Context(), from, commit, labels)
		drive.Must(t, err)
	}
	return commit
}

// every runs the whole matrix: it plans for a commit that is published as each service,
// and goes live, as far as the gates let it, with a commit that is not. What is busy is
// being deployed meanwhile, and does not go live here.
func (f *flock) every(t *testing.T, all []cell, published, busy string) {
	t.Helper()
	type command struct {
		exit int
		args []string
	}
	var services errgroup.Group
	services.SetLimit(2)
	// In turn for a service: a plan beside a run is refused.
	of := map[string][]func(){}
	for i, c := range all {
		args := func(commit string, flags ...string) []string {
			args := []string{"artifact-registry", "deploy-service", "--service", c.service, "--commit", commit}
			if c.env != "none" {
				args = append(args, "--env", c.env)
			}
			return append(args, flags...)
		}
		plan := c.exits[1]
		if c.clustered { // and this D601 has no Kubernetes
			plan = 3
		}
		if c.service == busy {
			plan = -1
		}
		commands := []command{{c.exits[0], args(published, "--dry-run")}, {plan, args(published)}}
		if c.service != busy || c.exits[2] != 0 {
			commands = append(commands, command{3, args(strings.Repeat("0", 40), "--run-now")})
		}
		of[c.service] = append(of[c.service], func() {
			for j, one := range commands {
				if c.env == "prod" {
					f.run(t, one.exit, one.args...)
				} else {
					f.once(t, one.exit, append([]string{"-o", []string{"text", "json"}[(i+j)%2]}, one.args...)...)
				}
			}
		})
	}
	for _, cells := range of {
		services.Go(func() error {
			for _, run := range cells {
				run()
			}
			return nil
		})
	}
	_ = services.Wait() // what is wrong was reported
}

// tap copies all that crosses between controller and agent, each connection into
// a folder of its own.
func tap(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	script := filepath.Join(dir, "tap.sh")
	settings := world.Settings(lab.Options{})
	content := fmt.Sprintf("d=$(mktemp -d %s/XXXXXXXX)\ntee $d/there | %s | tee $d/back\n", dir, strings.Join(settings.Command, " "))
	drive.Must(t, os.WriteFile(script, []byte(content), 0o600))
	settings.Command = []string{"sh", script}
	drive.Must(t, world.Configure(settings))
	drive.Must(t, world.Hurry())
	t.Cleanup(func() {
		drive.Must(t, world.Configure(world.Settings(lab.Options{})))
		drive.Must(t, world.Hurry())
	})
	return dir
}

// Known values stand as secrets in the env file and in config.json; whatever is typed,
// however it ends, no output has them.
func TestNoSecretIsEverTold(t *testing.T) {
	const service = "baidu-netdisk"
	plain, odd := leak.NewSecret("a plain secret", ""), leak.NewSecret("an odd secret", `/+&<>"\ =%?`)
	password, broken := leak.NewSecret("config.json's password", `/"&\`), leak.NewSecret("half a secret", "/&")
	f := &flock{Detector: leak.NewDetector(plain, odd, password, broken), seen: map[string]bool{}, failed: map[string]bool{}}
	began := time.Now()

	undoEnv := drive.EditFile(t, world.Master.EnvFile, func(s string) string {
		s = strings.Replace(s, "sample-client-secret-7f3a9c", plain.Value, 1)
		s = strings.Replace(s, "'sample token key with spaces # and a hash'", "'"+odd.Value+"'", 1)
		return strings.Replace(s, "sample-postgres-password", plain.Value, 1)
	})
	defer undoEnv()
	inJSON, err := json.Marshal(password.Value)
	drive.Must(t, err)
	undoConfig := drive.EditFile(t, filepath.Join(world.Master.Root, "config.json"), func(s string) string {
		return strings.Replace(s, `"sample-password-not-a-real-one"`, string(inJSON), 1)
	})
	defer undoConfig()
	taps := tap(t)

	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		f.Watch(ctx, f.line, func() { f.SearchFiles(filepath.Join(world.Controller.State, "changes"), f.file) })
	})

	first, err := world.CI.Release(t.Context(), service, lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	all := matrix(t)
	good, next, published := first.SourceCommit, world.Release(t, service, lab.Change{}), everywhere(t, all, first)
	leaky := world.Release(t, service, lab.Change{Behaviour: "leaky"})
	deployment := func(commit string, flags ...string) []string {
		return append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit}, flags...)
	}
	wanted := filepath.Join(world.Master.Root, "deploy.json")
	drive.Must(t, os.WriteFile(wanted, []byte(`{"environments":{"prod":{"services":{"`+service+`":"`+next+`"}}}}`), 0o600))
	defer func() { drive.Must(t, os.Remove(wanted)) }()

	var whole sync.WaitGroup
	whole.Go(func() { f.every(t, all, published, service) })
	f.run(t, 0, deployment(good, "--dry-run")...)
	f.run(t, 0, deployment(good)...)
	f.once(t, 0, deployment(good, "--run-now")...)
	f.once(t, 0, append([]string{"-o", "json"}, deployment(good, "--run-now", "--force")...)...)
	f.run(t, 0, "deploy", "plan", "--env", "prod")
	f.once(t, 0, "deploy", "apply", "--env", "prod")
	f.once(t, 0, "-o", "json", "deploy", "apply", "--env", "prod")
	f.run(t, 0, "deploy", "diff", "--env", "prod")
	f.run(t, 0, "verify", "--service", service)
	f.run(t, 0, "rollback", "--service", service)
	f.run(t, 0, "history")
	f.run(t, 0, "logs", "--service", service)

	// A version that prints all that it was given; and what has nothing to do with it,
	// while it is being proven.
	var proving sync.WaitGroup
	proven, over := context.WithCancel(t.Context())
	proving.Go(func() {
		defer over()
		f.once(t, 1, append([]string{"-o", "json"}, deployment(leaky, "--run-now")...)...)
	})
	proving.Go(func() {
		sample := time.NewTicker(500 * time.Millisecond)
		defer sample.Stop()
		for i := 0; proven.Err() == nil; i++ {
			f.once(t, -1, "-o", []string{"text", "json"}[i%2], "logs", "--service", service)
			<-sample.C
		}
	})
	for _, c := range []struct {
		exit int
		args string
	}{
		{-1, "doctor"},
		{0, "host list"},
		{-1, "host bootstrap " + lab.HostAlias + " --dry-run"},
		{0, "services"},
		{0, "version"},
		{0, "version --hosts"},
		{0, "catalog print"},
		{0, "catalog check " + filepath.Join(world.Controller.Config, "services.yaml")},
		{1, "catalog check " + world.Master.EnvFile},
		{0, "artifact-registry plan"},
		{0, "artifact-registry render"},
		{0, "artifact-registry install --dry-run"},
		{-1, "artifact-registry status"},
		{-1, "artifact-registry health"},
		{-1, "artifact-registry list"},
		{-1, "artifact-registry catalog"},
		{3, "artifact-registry deploy-backend-core --commit " + good},
		{3, "deploy apply --env prod --service backend-core --commit " + good},
		{0, "history show " + lastReceipt(t)},
		{0, "history --all"},
		{0, "logs --run " + lastReceipt(t)},
		{2, strings.Join(deployment(good[:12]), " ")},
		{2, "logs --service no-such"},
		{2, "no-such-command"},
	} {
		f.run(t, c.exit, strings.Fields(c.args)...)
	}
	f.once(t, 0, "__complete", "rollback", "--service", "")
	f.once(t, 0, "__complete", "deploy", "plan", "--service", service, "--commit", "")
	proving.Wait()
	whole.Wait()
	printed := lastReceipt(t, "--service", service, "--outcome", "reverted") // of the version that printed all
	f.once(t, 0, "history", "show", printed)
	f.once(t, 0, "-o", "json", "history", "show", printed)
	f.once(t, 0, "recover") // now that no other run has a service
	f.once(t, 0, "-o", "json", "recover")
	f.pages(t, printed)
	t.Log("whole, and well", time.Since(began).Round(time.Second))
	f.once(t, 3, append([]string{"-o", "json"}, deployment(world.ReleaseDamaged(t, service), "--run-now")...)...)

	// The typical failures.
	acts := []string{
		strings.Join(deployment(next, "--run-now", "--force"), " "), "deploy apply --env prod --force", "logs --service " + service, "recover",
	}
	reads := []string{
		strings.Join(deployment(next), " "), "deploy diff --env prod", "rollback --service " + service, "verify --service " + service, "doctor",
	}
	try := func(spoils map[string]func() (undo func()), commands ...string) {
		for name, spoil := range spoils {
			undo := spoil()
			for i, args := range commands {
				f.once(t, -1, append([]string{"-o", []string{"json", "text"}[i%2]}, strings.Fields(args)...)...)
			}
			undo()
			t.Log(name, time.Since(began).Round(time.Second))
		}
	}
	inService := func(line string) (undo func()) {
		return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
			const before = "    restart: unless-stopped\n"
			return strings.Replace(s, before, before+line, 1) // this is the first service
		})
	}
	try(map[string]func() (undo func()){
		"a secret that is missing": func() func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return strings.Replace(s, "_NETDISK_TOKEN_KEY=", "_NETDISK_OTHER=", 1) })
		},
		"a secret where Compose wants a port": func() func() {
			return inService("    ports: [\"${UNIDESK_BAIDU_NETDISK_CLIENT_SECRET}\"]\n")
		},
		"a secret where the engine wants a program": func() func() {
			undo := inService("    entrypoint: [\"${UNIDESK_BAIDU_NETDISK_TOKEN_KEY}\"]\n")
			return func() {
				undo()
				f.once(t, 0, "recover") // what ran before could not be brought back
			}
		},
	}, acts...)
	try(map[string]func() (undo func()){
		"a broken line of the env file": func() func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return s + "BROKEN KEY='" + broken.Value + "\n" })
		},
		"a variable that is half a secret": func() func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return s + "HALF=x$" + broken.Value[:20] + "\n" })
		},
		"a secret in the wrong place of config.json": func() func() {
			return drive.EditFile(t, filepath.Join(world.Master.Root, "config.json"), func(s string) string {
				return strings.Replace(s, `".state/docker-compose.env"`, `{"token":`+string(inJSON)+`}`, 1)
			})
		},
		"a config.json that breaks off": func() func() {
			return drive.EditFile(t, filepath.Join(world.Master.Root, "config.json"), func(s string) string { return s + string(inJSON) })
		},
		"a Compose file that cannot be read": func() func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string { return s + "\n  : : ${POSTGRES_PASSWORD}\n" })
		},
		"a Compose file that puts a secret where it does not fit": func() func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return s + "\nnetworks:\n  other:\n    driver_opts: [\"${POSTGRES_PASSWORD}\"]\n    internal: ${UNIDESK_BAIDU_NETDISK_TOKEN_KEY}\n"
			})
		},
	}, append(acts, reads...)...)

	stop()
	watching.Wait()
	f.SearchFiles(world.Controller.State, func(path string, info fs.FileInfo) bool {
		if strings.HasPrefix(path, filepath.Join(world.Controller.State, "runs")) && strings.HasSuffix(path, ".jsonl") && info.Size() > 0 {
			f.note("the journal of a run")
		}
		return false // each change is settled
	})
	said, err := os.ReadFile(world.Agent.Proc().Log)
	drive.Must(t, err)
	f.Search("the agent's log", said)
	if !strings.Contains(string(said), "ImageService/Resolve") {
		t.Errorf("the agent's log has no call: %s", said)
	}
	connections, err := filepath.Glob(filepath.Join(taps, "*", "*"))
	drive.Must(t, err)
	var crossed bytes.Buffer
	for _, path := range connections {
		sent, err := os.ReadFile(path)
		drive.Must(t, err)
		if len(sent) == 0 {
			continue // the host was asked for and then not needed
		}
		decoded, err := f.SearchGRPC("a connection, "+filepath.Base(path), sent)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		crossed.Write(decoded)
	}

	findings, searched := f.Found()
	for _, finding := range findings {
		t.Error(finding)
	}
	for _, want := range []string{"unidesk-controller", "--force-recreate", "stdio", "a before-image", "the secrets of a before-image", "the journal of a run", "--debug: --force-recreate", "--debug: call Stream of"} {
		if !f.seen[want] {
			t.Errorf("%s was never seen: the samples show nothing", want)
		}
	}
	for _, want := range []string{leaky, "/unidesk.artifact.v1.ImageService/Resolve", "grpc-message: "} {
		if !bytes.Contains(crossed.Bytes(), []byte(want)) {
			t.Errorf("%s never crossed: the connections are not what they seem", want)
		}
	}
	f.failed["transfer"] = f.failed["transfer"] || f.failed["layer"] // whichever it had come to
	for _, step := range []string{"guard", "resolve", "preflight", "transfer", "recreate", "prove"} {
		if !f.failed[step] {
			t.Errorf("no deploy failed at %s, only at %v", step, f.failed)
		}
	}
	t.Logf("%d bytes searched, %d of them decoded of %d ends of connections, in %v",
		searched, crossed.Len(), len(connections), time.Since(began).Round(time.Second))
}
