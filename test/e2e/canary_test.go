//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
	"github.com/pikasTech/unidesk-artifact-cd/test/leak"
)

const (
	// tapped is the configuration whose connections are copied, each into a folder
	// of its own in taps on D601.
	tapped = "/etc/unidesk-tapped"
	taps   = "/home/" + hosts.DeployUser + "/taps"
	// agentState is what the agent must remember.
	agentState = "/var/lib/unidesk-agent"
)

// eavesdropper hears all that the product prints while secrets are planted.
type eavesdropper struct {
	*leak.Detector
	mu sync.Mutex
	// seen are words of command lines, and kinds of files, that were sampled: a
	// search that looks nowhere finds nothing.
	seen map[string]bool
	// ended are the decisions and steps in which deploys ended.
	ended map[string]bool
}

func (e *eavesdropper) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[what] = true
}

// controller runs a command and wants its exit code, -1 for any.
func (e *eavesdropper) controller(t *testing.T, exit int, args ...string) {
	t.Helper()
	got, stdout, stderr, err := e.Run(two.Master.Exec(t.Context(), append([]string{"unidesk-controller", "--config", tapped}, args...)...))
	if err != nil {
		t.Error(err)
		return
	}
	if exit >= 0 && got != exit {
		t.Errorf("%v: exit %d, want %d\n%s%s", args, got, exit, stdout, stderr)
	}
	var a struct {
		Decision contract.Decision
		Failure  *struct {
			Step   string
			Reason fault.Reason
		}
	}
	if json.Unmarshal(stdout, &a) == nil && a.Failure != nil {
		e.mu.Lock()
		e.ended[fmt.Sprintf("%s at %s: %s", a.Decision, a.Failure.Step, a.Failure.Reason)] = true
		e.mu.Unlock()
	}
}

// both runs a command that changes nothing, as text and as JSON.
func (e *eavesdropper) both(t *testing.T, exit int, args ...string) {
	t.Helper()
	var formats sync.WaitGroup
	for _, format := range []string{"text", "json"} {
		formats.Go(func() { e.controller(t, exit, append([]string{"-o", format}, args...)...) })
	}
	formats.Wait()
}

// edit replaces a text in a file on D601, and returns how to put it back: what else was
// changed meanwhile, such as deploy keys, stays.
func edit(t *testing.T, path, before, after string) (undo func()) {
	t.Helper()
	swap := func(before, after string) {
		t.Helper()
		text, err := two.D601.Output(context.WithoutCancel(t.Context()), "cat", path)
		must(t, err)
		if !strings.Contains(text, before) {
			t.Fatalf("%s has no %q", path, before)
		}
		must(t, put(context.WithoutCancel(t.Context()), two.D601, file{path: path, text: strings.Replace(text, before, after, 1), mode: 0o600}))
	}
	swap(before, after)
	return func() { t.Helper(); swap(after, before) }
}

// tap writes the configuration whose connections are copied.
func tap(t *testing.T) {
	t.Helper()
	const script = "/home/" + hosts.DeployUser + "/tap.sh"
	builtin, err := two.Master.Output(t.Context(), "unidesk-controller", "catalog", "print")
	must(t, err)
	catalog := strings.NewReplacer(
		"timeout: 90s", "timeout: 6s", "stable: 5s", "stable: 1s",
		"    compose: {project: findjob,", "    secrets: [UNIDESK_FINDJOB_CLIENT_SECRET, UNIDESK_FINDJOB_TOKEN_KEY]\n    compose: {project: findjob,",
	).Replace(builtin)
	must(t, put(t.Context(), two.Master,
		file{path: tapped + "/services.yaml", text: catalog},
		file{path: tapped + "/controller.yaml", text: strings.Replace(controllerConfig("D601"),
			"destination: D601\n", "destination: D601\n      command: [sh, "+script+"]\n", 1)}))
	must(t, put(t.Context(), two.D601, file{path: script, text: fmt.Sprintf(
		"mkdir -p %s\nd=$(mktemp -d %[1]s/XXXXXXXX)\ntee $d/there | unidesk-agent stdio | tee $d/back\n", taps)}))
}

// holders returns the files on a host, but for those of its engine, that have any of
// the secrets in them.
func holders(t *testing.T, h *hosts.Host, secrets []leak.Secret) (paths []string) {
	t.Helper()
	cmd := h.Exec(t.Context(), "grep", "--recursive", "--files-with-matches", "--fixed-strings", "--devices=skip", "--file=-",
		"--exclude-dir="+filepath.Base(taps),
		"/etc", "/home", "/root", "/srv", "/tmp", "/var/tmp", "/var/log", "/var/lib/unidesk", "/var/lib/unidesk-agent", "/run/unidesk-agent", "/run/log")
	var forms []byte
	for _, s := range secrets {
		forms = append(forms, s.Forms()...)
	}
	cmd.Stdin = bytes.NewReader(forms)
	out, _ := cmd.Output() // 2 for a folder that this host does not have
	return slices.Sorted(strings.SplitSeq(strings.TrimSpace(string(out)), "\n"))
}

// journal searches a host's, without the engine's own lines: what it logs of a
// container is the engine's.
func (e *eavesdropper) journal(t *testing.T, h *hosts.Host) (ofTheAgent string) {
	t.Helper()
	out, err := h.Output(t.Context(), "journalctl", "--all", "--no-pager", "--quiet", "--output=json")
	must(t, err)
	lines := bufio.NewScanner(strings.NewReader(out))
	lines.Buffer(nil, 16<<20)
	var agent strings.Builder
	for lines.Scan() {
		var entry struct {
			Unit    string `json:"_SYSTEMD_UNIT"`
			Message any    `json:"MESSAGE"` // an array of bytes if it is no text
			Command string `json:"_CMDLINE"`
		}
		must(t, json.Unmarshal(lines.Bytes(), &entry))
		if entry.Unit == "docker.service" || entry.Unit == "containerd.service" {
			continue
		}
		where := fmt.Sprintf("the journal of %s on %s", entry.Unit, h.Name)
		e.Search(where, lines.Bytes())
		e.Search(where, fmt.Appendln(nil, entry.Message))
		e.Search(where, []byte(entry.Command))
		if entry.Unit == agentUnit {
			fmt.Fprintln(&agent, entry.Message)
		}
	}
	must(t, lines.Err())
	return agent.String()
}

// Known values stand as secrets wherever a service on D601 gets some; whatever is typed
// on the master, however it ends, neither host prints them.
func TestNoSecretOfD601IsEverTold(t *testing.T) {
	const service, odd = "findjob", `/+&<>"\ =%?`
	const compose, own = "/home/ubuntu/findjob/docker-compose.yml", "/home/ubuntu/findjob/app.env"
	plain, quoted := leak.NewSecret("a secret of the env file", ""), leak.NewSecret("an odd secret of the env file", odd)
	app, literal := leak.NewSecret("a secret of the service's own env file", odd), leak.NewSecret("a secret of the Compose file", "/+&=")
	broken, password := leak.NewSecret("half a secret", "/&"), leak.NewSecret("config.json's password", `/"&\`)
	secrets := []leak.Secret{plain, quoted, app, literal, broken, password}
	e := &eavesdropper{Detector: leak.NewDetector(secrets...), seen: map[string]bool{}, ended: map[string]bool{}}

	inJSON, err := json.Marshal(password.Value)
	must(t, err)
	config := readMaster(t, root+"/config.json")
	must(t, put(t.Context(), two.Master, file{
		path: root + "/config.json", mode: 0o600, text: strings.Replace(config, `"sample-password-not-a-real-one"`, string(inJSON), 1),
	}))
	defer func() {
		must(t, put(t.Context(), two.Master, file{path: root + "/config.json", text: config, mode: 0o600}))
	}()
	must(t, put(t.Context(), two.D601, file{path: own, text: "APP_TOKEN='" + app.Value + "'\n", mode: 0o600}))
	const first = "SOMETHING=else\n" // of the env file
	defer edit(t, d601Env(service), first, first+"UNIDESK_FINDJOB_CLIENT_SECRET="+plain.Value+"\nUNIDESK_FINDJOB_TOKEN_KEY='"+quoted.Value+"'\n")()
	defer edit(t, compose, "    environment:\n", "    env_file: app.env\n    environment:\n      API_KEY: '"+literal.Value+"'\n"+
		"      UNIDESK_FINDJOB_CLIENT_SECRET: ${UNIDESK_FINDJOB_CLIENT_SECRET}\n      UNIDESK_FINDJOB_TOKEN_KEY: ${UNIDESK_FINDJOB_TOKEN_KEY}\n")()
	// The host's placement names the secrets that the catalog of tap wants.
	const prefix = "        keyPrefix: UNIDESK_FINDJOB_DEPLOY_\n"
	unplace := edit(t, "/etc/unidesk/agent.yaml", prefix, prefix+"        secrets: [UNIDESK_FINDJOB_CLIENT_SECRET, UNIDESK_FINDJOB_TOKEN_KEY]\n")
	again := func() { must(t, each(context.WithoutCancel(t.Context()), two.D601, "systemctl restart "+agentUnit)) }
	again()
	defer func() {
		unplace()
		again()
	}()
	tap(t)
	good := release(t, service, lab.Change{}).SourceCommit
	next := release(t, service, lab.Change{}).SourceCommit
	leaky := release(t, service, lab.Change{Behaviour: "leaky"}).SourceCommit

	began := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var watching sync.WaitGroup
	watching.Go(func() {
		e.Watch(ctx, func(line string) {
			for _, word := range []string{"unidesk-controller", "ssh\x00", "unidesk-agent\x00stdio", "/home/ubuntu/findjob\x00-p\x00findjob"} {
				if strings.Contains(line, word) {
					e.note(word)
				}
			}
		}, func() {
			e.SearchFiles(filepath.Join(two.D601.Root, agentState), func(path string, info fs.FileInfo) bool {
				if owner := info.Sys().(*syscall.Stat_t).Uid; info.Mode().Perm() != 0o600 || owner != 0 {
					e.Complain("%s has mode %04o and owner %d", path, info.Mode().Perm(), owner)
				}
				if strings.HasSuffix(path, ".pending.json") {
					e.note("a before-image")
				}
				return leak.OfAChange(path)
			})
		})
	})
	defer watching.Wait()
	defer stop()

	deployment := func(commit string, flags ...string) []string {
		return append([]string{"artifact-registry", "deploy-service", "--service", service, "--commit", commit}, flags...)
	}
	e.both(t, 0, deployment(good, "--dry-run")...)
	e.both(t, 0, deployment(good)...)
	e.controller(t, 0, deployment(good, "--run-now")...)
	e.controller(t, 0, append([]string{"-o", "json"}, deployment(good, "--run-now", "--force")...)...)
	runsOnD601(t, service, good)

	// A version that prints all that it was given; and what has nothing to do with it,
	// while it is being proven.
	proven := make(chan struct{})
	go func() {
		defer close(proven)
		e.controller(t, 1, append([]string{"-o", "json"}, deployment(leaky, "--run-now")...)...)
	}()
	for _, other := range []string{"findjob", "pipeline", "met-nonlinear", "k3sctl-adapter"} {
		for _, env := range []string{"prod", "dev"} {
			for _, flag := range []string{"--dry-run", "--run-now"} {
				if other != "findjob" || env != "prod" {
					e.both(t, -1, "artifact-registry", "deploy-service", "--service", other, "--env", env, "--commit", good, flag)
				}
			}
			e.both(t, -1, "artifact-registry", "deploy-service", "--service", other, "--env", env, "--commit", good)
			e.controller(t, -1, "logs", "--service", service)
		}
	}
	for proving := true; proving; {
		e.both(t, -1, "logs", "--service", service)
		select {
		case <-proven:
			proving = false
		case <-time.After(500 * time.Millisecond):
		}
	}
	runsOnD601(t, service, good)
	e.controller(t, 3, append([]string{"-o", "json"}, deployment(strings.Repeat("0", 40), "--run-now")...)...)

	const restart = "    restart: unless-stopped\n" // of the Compose file
	for _, c := range []struct{ name, path, before, after string }{
		{"a missing secret", d601Env(service), "FINDJOB_TOKEN_KEY=", "FINDJOB_OTHER="},
		{"a broken line of the env file", d601Env(service), first, first + "BROKEN KEY='" + broken.Value + "\n"},
		{"a variable that is half a secret", d601Env(service), first, first + "HALF=x$" + broken.Value[:20] + "\n"},
		{"a Compose file that cannot be read", compose, restart, restart + "  : : ${UNIDESK_FINDJOB_CLIENT_SECRET}\n"},
		{"a secret where Compose wants a port", compose, restart, restart + "    ports: [\"${UNIDESK_FINDJOB_CLIENT_SECRET}\"]\n"},
		{"secrets where the engine wants a program", compose, restart, restart + "    entrypoint: [\"${UNIDESK_FINDJOB_TOKEN_KEY} " + literal.Value + "\"]\n"},
		{"a broken line of the service's own env file", own, "APP_TOKEN", "BROKEN KEY='" + broken.Value + "\nAPP_TOKEN"},
	} {
		undo := edit(t, c.path, c.before, c.after)
		e.controller(t, -1, deployment(next)...)
		e.controller(t, -1, append([]string{"-o", "json"}, deployment(next, "--run-now", "--force")...)...)
		e.controller(t, -1, deployment(next, "--run-now", "--force")...)
		e.controller(t, -1, "logs", "--service", service)
		e.controller(t, -1, "-o", "json", "recover")
		undo()
		e.controller(t, -1, "recover")
		t.Log(time.Since(began).Round(time.Second), c.name)
	}
	e.controller(t, 0, append([]string{"-o", "json"}, deployment(next, "--run-now")...)...)
	runsOnD601(t, service, next)

	for _, c := range []struct {
		exit int
		args string
	}{
		{0, "verify --service findjob"},
		{0, "rollback --service findjob"},
		{0, "history"},
		{0, "logs --service findjob"},
		{-1, "doctor"},
		{-1, "host list"},
		{-1, "host bootstrap D601 --dry-run"},
		{-1, "artifact-registry catalog"},
		{-1, "artifact-registry status"},
	} {
		e.both(t, c.exit, strings.Fields(c.args)...)
	}

	e.controller(t, 0, "recover")
	e.controller(t, 0, "-o", "json", "recover")

	stop()
	watching.Wait()
	settled := func(string, fs.FileInfo) bool { return false }
	e.SearchFiles(filepath.Join(two.Master.Root, state), settled)
	e.SearchFiles(filepath.Join(two.D601.Root, agentState), settled)
	journal := e.journal(t, two.D601)
	e.journal(t, two.Master)
	for h, planted := range map[*hosts.Host][]string{
		two.D601: {own, compose, d601Env(service)}, two.Master: {root + "/config.json"},
	} {
		slices.Sort(planted)
		if got := holders(t, h, secrets); !slices.Equal(got, planted) {
			t.Errorf("on %s secrets are in %q, and were put in %q", h.Name, got, planted)
		}
	}
	var crossed bytes.Buffer
	connections, err := filepath.Glob(filepath.Join(two.D601.Root, taps, "*", "*"))
	must(t, err)
	for _, path := range connections {
		sent, err := os.ReadFile(path)
		must(t, err)
		if len(sent) == 0 {
			continue
		}
		decoded, err := e.SearchGRPC("a connection, "+filepath.Base(path), sent)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		crossed.Write(decoded)
	}

	findings, searched := e.Found()
	for _, finding := range findings {
		t.Error(finding)
	}
	for _, want := range []string{"unidesk-controller", "ssh\x00", "unidesk-agent\x00stdio", "/home/ubuntu/findjob\x00-p\x00findjob", "a before-image"} {
		if !e.seen[want] {
			t.Errorf("%q was never seen: the samples show nothing", want)
		}
	}
	for _, want := range []string{leaky, "/unidesk.artifact.v1.WorkloadService/Switch", "grpc-message: ", "[redacted]"} {
		if !bytes.Contains(crossed.Bytes(), []byte(want)) {
			t.Errorf("%q never crossed: the connections are not what they seem", want)
		}
	}
	for _, want := range []string{"WorkloadService/Switch", "COMPOSE_FAILED"} {
		if !strings.Contains(journal, want) {
			t.Errorf("the agent's journal lacks %s", want)
		}
	}
	for _, want := range []string{
		"unsupported at guard: UNSUPPORTED", "gated at guard: CONTRACT_MISMATCH", "gated at guard: SUPERVISOR_REQUIRED",
		"blocked at guard: ENV_FILE_INVALID", "failed at guard: COMPOSE_FAILED", "blocked at resolve: ARTIFACT_NOT_FOUND",
		"blocked at preflight: ENV_KEY_MISSING", "reverted at recreate: COMPOSE_FAILED",
		"reverted at prove: NOT_PROVEN",
	} {
		if !e.ended[want] {
			t.Errorf("no deploy ended as %s, only as %v", want, e.ended)
		}
	}
	t.Logf("%d bytes searched, %d of them decoded of %d ends of connections, in %v", searched, crossed.Len(), len(connections), time.Since(began).Round(time.Second))
}
