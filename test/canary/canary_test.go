//go:build integration

package canary

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// canary is a secret that was put somewhere, in every form in which it could come
// out again.
type canary struct {
	name  string
	value string
	forms map[string][]byte
}

// newCanary makes a value that nothing else on this machine holds. Those with rest
// look another way in each encoding.
func newCanary(name, rest string) canary {
	c := canary{name: name, value: fmt.Sprintf("cnry%016x%s%08x", rand.Uint64(), rest, rand.Uint32()), forms: map[string][]byte{}}
	v := []byte(c.value)
	html, _ := json.Marshal(c.value)
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(c.value)
	for form, text := range map[string]string{
		"raw": c.value, "JSON": strings.Trim(strings.TrimSpace(plain.String()), `"`), "JSON for HTML": string(html[1 : len(html)-1]),
		"query": url.QueryEscape(c.value), "path": url.PathEscape(c.value), "Go": strings.Trim(fmt.Sprintf("%q", c.value), `"`),
		"hex": hex.EncodeToString(v), "upper-case hex": strings.ToUpper(hex.EncodeToString(v)),
	} {
		c.forms[form] = []byte(text)
	}
	// In the middle of a longer text a value has one of three base64 forms, but for
	// the characters that it shares with its neighbours.
	for shift := range 3 {
		padded := append(make([]byte, shift), v...)
		padded = padded[:len(padded)/3*3]
		for form, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "URL base64": base64.RawURLEncoding} {
			c.forms[fmt.Sprintf("%s, shifted by %d", form, shift)] = []byte(enc.EncodeToString(padded)[4:])
		}
	}
	return c
}

// flock are the canaries, and where one was heard.
type flock struct {
	canaries []canary
	mu       sync.Mutex
	// heard is what was found where, and a form that it had.
	heard    map[string]string
	searched int
	began    time.Time
	// seen are words of command lines, and files, that were sampled: a search that
	// looks nowhere finds nothing.
	seen map[string]bool
}

// search looks for every form of every value in what was said.
func (f *flock) search(where string, said []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.searched += len(said)
	for _, c := range f.canaries {
		for form, text := range c.forms {
			if bytes.Contains(said, text) {
				f.heard[fmt.Sprintf("%s: %s", where, c.name)] = form
			}
		}
	}
}

// watch samples the command line of every process, and the files of changes that
// are under way, until ctx ends.
func (f *flock) watch(ctx context.Context) {
	known := map[string]bool{} // most lines are there for long
	for ctx.Err() == nil {
		processes, _ := os.ReadDir("/proc")
		for _, p := range processes {
			if line, err := os.ReadFile(filepath.Join("/proc", p.Name(), "cmdline")); err == nil && !known[string(line)] {
				known[string(line)] = true
				f.search("a command line", line)
				f.note(string(line))
			}
		}
		f.searchFiles(filepath.Join(world.Controller.State, "changes"))
		time.Sleep(10 * time.Millisecond)
	}
}

func (f *flock) note(line string) {
	if !strings.Contains(line, world.Dir) {
		return // of a world beside this one
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, word := range []string{"unidesk-controller", "--force-recreate", "stdio"} {
		if strings.Contains(line, word) {
			f.seen[word] = true
		}
	}
}

// searchFiles looks into all files below a folder, and at whom they let read.
func (f *flock) searchFiles(dir string) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // it was renamed meanwhile
		}
		info, err := e.Info()
		content, readErr := os.ReadFile(path)
		if err != nil || readErr != nil {
			return nil
		}
		f.search(path, content)
		f.mu.Lock()
		defer f.mu.Unlock()
		if info.Mode().Perm()&0o007 != 0 {
			f.heard[path] = fmt.Sprintf("mode %04o", info.Mode().Perm())
		}
		if strings.HasSuffix(path, ".pending.json") {
			f.seen["a before-image"] = true
		}
		return nil
	})
}

// run runs a command that changes nothing twice, as text and as JSON, and searches
// what it says. Its exit code is the caller's to want, -1 for any.
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
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Error(err)
		return
	}
	if got := cmd.ProcessState.ExitCode(); exit >= 0 && got != exit {
		t.Errorf("%v: exit %d, want %d\n%s%s", args, got, exit, out.Bytes(), errs.Bytes())
	}
	name := strings.Join(args, " ")
	f.search("stdout of "+name, out.Bytes())
	f.search("stderr of "+name, errs.Bytes())
}

// tap copies all that crosses between controller and agent into two files.
func tap(t *testing.T) (traffic []string) {
	t.Helper()
	dir := t.TempDir()
	traffic = []string{filepath.Join(dir, "there"), filepath.Join(dir, "back")}
	script := filepath.Join(dir, "tap.sh")
	settings := world.Settings(lab.Options{})
	content := fmt.Sprintf("tee -a %s | %s | tee -a %s\n", traffic[0], strings.Join(settings.Command, " "), traffic[1])
	drive.Must(t, os.WriteFile(script, []byte(content), 0o600))
	settings.Command = []string{"sh", script}
	drive.Must(t, world.Configure(settings))
	drive.Must(t, world.Hurry())
	t.Cleanup(func() {
		drive.Must(t, world.Configure(world.Settings(lab.Options{})))
		drive.Must(t, world.Hurry())
	})
	return traffic
}

// Known values stand as secrets in the env file and in config.json; whatever is
// typed, however it ends, nobody hears them.
func TestNoSecretIsEverTold(t *testing.T) {
	const service = "baidu-netdisk"
	plain, odd := newCanary("a plain secret", ""), newCanary("an odd secret", `/+&<>"\ =%?`)
	password, broken := newCanary("config.json's password", `/"&\`), newCanary("half a secret", "/&")
	f := &flock{canaries: []canary{plain, odd, password, broken}, heard: map[string]string{}, seen: map[string]bool{}, began: time.Now()}
	for _, c := range f.canaries { // the search finds what there is
		for form, text := range c.forms {
			g := &flock{canaries: f.canaries, heard: map[string]string{}}
			if g.search("here", append([]byte("x"), text...)); len(g.heard) == 0 {
				t.Fatalf("%s would not be found as %s", c.name, form)
			}
		}
	}

	undoEnv := drive.EditFile(t, world.Master.EnvFile, func(s string) string {
		s = strings.Replace(s, "sample-client-secret-7f3a9c", plain.value, 1)
		s = strings.Replace(s, "'sample token key with spaces # and a hash'", "'"+odd.value+"'", 1)
		return strings.Replace(s, "sample-postgres-password", plain.value, 1)
	})
	defer undoEnv()
	inJSON, err := json.Marshal(password.value)
	drive.Must(t, err)
	undoConfig := drive.EditFile(t, filepath.Join(world.Master.Root, "config.json"), func(s string) string {
		return strings.Replace(s, `"sample-password-not-a-real-one"`, string(inJSON), 1)
	})
	defer undoConfig()
	traffic := tap(t)

	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(ctx) })

	good, next := world.Release(t, service, lab.Change{}), world.Release(t, service, lab.Change{})
	leaky := world.Release(t, service, lab.Change{Behaviour: "leaky"})
	deployment := func(commit string, flags ...string) []string {
		return append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit}, flags...)
	}
	wanted := filepath.Join(world.Master.Root, "deploy.json")
	drive.Must(t, os.WriteFile(wanted, []byte(`{"environments":{"prod":{"services":{"`+service+`":"`+next+`"}}}}`), 0o600))
	defer func() { drive.Must(t, os.Remove(wanted)) }()

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
	f.once(t, 0, "recover")
	f.once(t, 0, "-o", "json", "recover")

	// A version that prints all that it was given; and what has nothing to do with it,
	// while it is being proven.
	proven := make(chan struct{})
	go func() {
		defer close(proven)
		f.once(t, 1, deployment(leaky, "--run-now")...)
	}()
	for _, c := range []struct {
		exit int
		args string
	}{
		{-1, "doctor"},
		{0, "host list"},
		{-1, "host bootstrap " + lab.HostAlias + " --dry-run"},
		{0, "services"},
		{0, "version"},
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
		{2, strings.Join(deployment(good[:12]), " ")},
		{2, "logs --service no-such"},
		{2, "no-such-command"},
	} {
		f.run(t, c.exit, strings.Fields(c.args)...)
		f.once(t, -1, "logs", "--service", service)
	}
	f.once(t, 0, "__complete", "rollback", "--service", "")
	f.once(t, 0, "__complete", "deploy", "plan", "--service", service, "--commit", "")
	for proving := true; proving; {
		f.run(t, -1, "logs", "--service", service)
		select {
		case <-proven:
			proving = false
		case <-time.After(time.Second):
		}
	}
	f.once(t, 1, deployment(strings.Repeat("0", 40), "--run-now")...)

	// The typical failures.
	everything := func() {
		f.run(t, -1, deployment(next)...)
		f.once(t, -1, deployment(next, "--run-now")...)
		f.once(t, -1, append([]string{"-o", "json"}, deployment(next, "--run-now")...)...)
		for i, args := range []string{
			"deploy diff --env prod", "deploy apply --env prod --force", "rollback --service " + service, "verify --service " + service,
			"logs --service " + service, "recover", "doctor",
		} {
			f.once(t, -1, append([]string{"-o", []string{"text", "json"}[i%2]}, strings.Fields(args)...)...)
		}
	}
	for name, spoil := range map[string]func() (undo func()){
		"a broken line of the env file": func() func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return s + "BROKEN KEY='" + broken.value + "\n" })
		},
		"a variable that is half a secret": func() func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return s + "HALF=x$" + broken.value[:20] + "\n" })
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
	} {
		t.Log(name, time.Since(f.began).Round(time.Second))
		undo := spoil()
		everything()
		undo()
	}

	stop()
	watching.Wait()
	f.searchFiles(world.Controller.State)
	crossed := 0
	for _, path := range append(traffic, world.Agent.Proc().Log) {
		content, err := os.ReadFile(path)
		drive.Must(t, err)
		crossed += len(content)
		f.search(filepath.Base(path), content)
	}
	for where, form := range f.heard {
		t.Errorf("%s (%s)", where, form)
	}
	for _, want := range []string{"unidesk-controller", "--force-recreate", "stdio", "a before-image"} {
		if !f.seen[want] {
			t.Errorf("%s was never seen: the samples show nothing", want)
		}
	}
	if crossed < 100<<10 {
		t.Errorf("only %d bytes crossed", crossed)
	}
	t.Logf("%d bytes searched, %d of them from the agent, in %v", f.searched, crossed, time.Since(f.began).Round(time.Second))
}
