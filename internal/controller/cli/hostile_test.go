package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// styled is what the printer itself writes to a terminal.
var styled = regexp.MustCompile(`\x1b\[(|1|2|36|1;3[123])m`)

// unfit is the first thing in a text that a terminal acts on, or that hides or turns
// what is around it.
func unfit(text string) string {
	text = styled.ReplaceAllString(text, "")
	if !utf8.ValidString(text) {
		return "no UTF-8"
	}
	i := strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	})
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("%.40q", text[i:])
}

// watched is a master on which every program that a command could start, the way to
// the agent among them, only writes down that it was.
type watched struct{ dir, started string }

func watch(t *testing.T) watched {
	t.Helper()
	w := watched{dir: t.TempDir()}
	w.started = filepath.Join(w.dir, "started")
	for _, sub := range []string{"bin", "config", "cwd", "root", "state"} {
		if err := os.Mkdir(filepath.Join(w.dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"docker", "docker-compose", "ssh", "ssh-keygen", "git", "sh", "bash", "agent"} {
		w.write(t, "bin/"+name, "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" >> "+w.started+"\nexit 1\n", 0o700)
	}
	w.write(t, "root/config.json", `{"providerGateway": {"upgrade": {"composeEnvFile": "env"}}}`, 0o600)
	w.write(t, "root/deploy.json", "{}", 0o600)
	w.write(t, "config/allowed_signers", "a@example.org ssh-ed25519 AAAA\n", 0o600)
	w.write(t, "config/controller.yaml", fmt.Sprintf(`version: 1
state: %[1]s/state
registryHost: D601
hosts: {D601: {command: [%[1]s/bin/agent]}}
master: {root: %[1]s/root, docker: "unix://%[1]s/docker.sock"}
allowedSigners: %[1]s/config/allowed_signers
`, w.dir), 0o600)
	t.Setenv("PATH", filepath.Join(w.dir, "bin"))
	t.Setenv("CLICOLOR_FORCE", "1") // or nothing of what a terminal would be sent is seen
	t.Setenv("TERM", "xterm")
	t.Chdir(filepath.Join(w.dir, "cwd"))
	return w
}

func (w watched) write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func (w watched) tree(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, strings.TrimPrefix(path, w.dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (w watched) run(t *testing.T, args ...string) (code int, out, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(t.Context(), append([]string{"--config", filepath.Join(w.dir, "config")}, args...), Streams{Out: &o, Err: &e}, "test", nil)
	return code, o.String(), e.String()
}

// Every word that a command line takes, and the exit codes with which it refuses.
// Where none is given, that which says how to type it.
func words(v string) map[string]struct {
	args  []string
	codes []int
} {
	sha := strings.Repeat("a", 40)
	type one = struct {
		args  []string
		codes []int
	}
	all := map[string]one{
		"a dry run's commit":   {[]string{"artifact-registry", "deploy-service", "--service", "frontend", "--commit", v, "--dry-run"}, nil},
		"a preflight's commit": {[]string{"artifact-registry", "deploy-service", "--service", "frontend", "--commit", v}, nil},
		"a deploy's commit":    {[]string{"artifact-registry", "deploy-service", "--service", "frontend", "--commit", v, "--run-now"}, nil},
		"the legacy entry's":   {[]string{"artifact-registry", "deploy-backend-core", "--commit", v}, []int{present.ExitBlocked}},
		"a dry run's service":  {[]string{"artifact-registry", "deploy-service", "--service", v, "--commit", sha, "--dry-run"}, nil},
		"a deploy's service":   {[]string{"artifact-registry", "deploy-service", "--service", v, "--commit", sha, "--run-now"}, nil},
		"plan's service":       {[]string{"deploy", "plan", "--env", "prod", "--service", v, "--commit", sha}, nil},
		"apply's service":      {[]string{"deploy", "apply", "--env", "prod", "--service", v, "--commit", sha}, nil},
		"diff's service":       {[]string{"deploy", "diff", "--env", "prod", "--service", v, "--commit", sha}, nil},
		"verify's service":     {[]string{"verify", "--service", v}, nil},
		"rollback's service":   {[]string{"rollback", "--service", v}, nil},
		"logs's service":       {[]string{"logs", "--service", v}, nil},
		"a grant":              {[]string{"artifact-registry", "deploy-service", "--service", "code-queue-mgr", "--env", "prod", "--commit", sha, "--run-now", "--grant", v}, []int{present.ExitBlocked}},
		"a receipt":            {[]string{"history", "show", "--", v}, []int{present.ExitFailed}},
		"a host":               {[]string{"host", "bootstrap", "--dry-run", "--", v}, nil},
		"a run":                {[]string{"logs", "--run", v}, []int{present.ExitFailed, present.ExitUsage}},
		"a form of progress":   {[]string{"version", "--progress", v}, nil},
		"a form of output":     {[]string{"version", "-o", v}, nil},
		"a flag":               {[]string{"history", "--zz" + v}, nil},
		"a word too many":      {[]string{"history", "--", v}, []int{present.ExitUsage}},
		"the configuration":    {[]string{"history", "--config", v}, []int{present.ExitFailed}},
		"a word to complete":   {[]string{"__complete", "artifact-registry", "deploy-service", "--service", v}, []int{present.ExitOK}},
		"plan's commit":        {[]string{"deploy", "plan", "--env", "prod", "--service", "frontend", "--commit", "x" + v}, nil},
		"apply's commit":       {[]string{"deploy", "apply", "--env", "prod", "--service", "backend-core", "--commit", "x" + v}, nil},
	}
	if !strings.HasPrefix(v, "-") && v != "" {
		all["a command"] = one{[]string{v}, nil}
	}
	if v != "" { // which stands for the default
		all["a dry run's environment"] = one{[]string{"artifact-registry", "deploy-service", "--env", v, "--service", "frontend", "--commit", sha, "--dry-run"}, nil}
		all["a deploy's environment"] = one{[]string{"artifact-registry", "deploy-service", "--env", v, "--service", "frontend", "--commit", sha, "--run-now"}, nil}
		all["apply's environment"] = one{[]string{"deploy", "apply", "--env", v}, nil}
		all["verify's environment"] = one{[]string{"verify", "--service", "frontend", "--env", v}, nil}
		all["rollback's environment"] = one{[]string{"rollback", "--service", "frontend", "--env", v}, nil}
		all["logs's environment"] = one{[]string{"logs", "--service", "frontend", "--env", v}, nil}
		all["history's environment"] = one{[]string{"history", "--env", v}, nil}
		all["history's service"] = one{[]string{"history", "--service", v}, nil}
		all["the registry's service"] = one{[]string{"artifact-registry", "list", "--service", v}, nil}
	}
	return all
}

// kept is the journal of the attempts that a gate stops.
var kept = regexp.MustCompile(`^/state/runs(/prod(/(backend-core|code-queue-mgr)(/[0-9TZ]{16}-[0-9a-f]{8}\.jsonl)?)?)?$`)

// Nothing that a person types, or a script passes on, starts a program, makes a file
// or speaks to the terminal.
func TestNothingHostileIsActedOn(t *testing.T) { //nolint:paralleltest // PATH and the working folder
	w := watch(t)
	// What is watched is seen at all.
	if code, _, _ := w.run(t, "artifact-registry", "list"); code == present.ExitOK {
		t.Error("a registry without an agent is listed")
	}
	if b, err := os.ReadFile(w.started); err != nil || !strings.Contains(string(b), "agent") {
		t.Fatalf("what is started is not seen: %q, %v", b, err)
	}
	if err := os.Remove(w.started); err != nil {
		t.Fatal(err)
	}
	before := w.tree(t)
	values := hostile.Values()
	sent := map[string]int{}
	for i, v := range values {
		all := words(v)
		for k, name := range slices.Sorted(maps.Keys(all)) {
			if (i+k)%3 != 0 {
				continue // every value is sent, and a third of them as each word: it is seconds
			}
			sent[name]++
			w.send(t, name, v, all[name].args, all[name].codes, i%2 == 1)
		}
	}
	for name, n := range sent {
		if n < 500 && name != "a command" { // which begins with no dash
			t.Errorf("%s was %d values only", name, n)
		}
	}
	after := slices.DeleteFunc(w.tree(t), kept.MatchString)
	if !slices.Equal(before, after) {
		t.Errorf("files were made: %.2000q, there were %q", after, before)
	}
}

// send sends a value as one word and judges what comes of it.
func (w watched) send(t *testing.T, name, v string, args []string, codes []int, asJSON bool) {
	t.Helper()
	if asJSON && name != "a form of output" {
		args = append([]string{"-o", "json"}, args...)
	}
	if codes == nil {
		codes = []int{present.ExitUsage}
	}
	code, out, stderr := w.run(t, args...)
	if !slices.Contains(codes, code) {
		t.Errorf("%.60q as %s: exit %d\n%.200s\n%.200s", v, name, code, out, stderr)
	}
	if bad := unfit(out) + unfit(stderr); bad != "" {
		t.Errorf("%.60q as %s is answered with %s", v, name, bad)
	}
	if n := len(out) + len(stderr); n > 32<<10 && len(v) < 5000 {
		t.Errorf("%.60q as %s is answered with %d bytes", v, name, n)
	}
	if b, err := os.ReadFile(w.started); err == nil {
		t.Errorf("%.60q as %s started %q", v, name, b)
		_ = os.Remove(w.started)
	}
}

// spoil puts a text into every string of a value that somebody else may have said.
func spoil(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		spoil(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		spoil(v.Index(0), text)
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			spoil(key, text)
			spoil(value, text)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				spoil(v.Field(i), text)
			}
		}
	}
}

func spoiled[T any](text string) (v T) {
	spoil(reflect.ValueOf(&v).Elem(), text)
	return v
}

// failing is a command that ends with an error of these words.
func failing(words string) *cobra.Command {
	cmd := &cobra.Command{SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return fmt.Errorf("said: %s", words) }}
	cmd.SetArgs([]string{})
	return cmd
}

// Labels and environments of images, lines of logs, words of engines and agents: all
// of it is shown, and none of it is obeyed.
func TestNothingThatIsShownSpeaksToTheTerminal(t *testing.T) { //nolint:paralleltest // the environment
	t.Setenv("CLICOLOR_FORCE", "1")
	t.Setenv("TERM", "xterm")
	for _, v := range hostile.Values() {
		if len(v) > 10_000 || unfit(v) == "" {
			continue // it goes into hundreds of fields
		}
		r := spoiled[contract.Result](v)
		told := func(answer present.Answer) func(*command.App) error {
			return func(a *command.App) error { return answer.Print(a.Out, "text") }
		}
		inJSON := func(answer present.Answer) func(*command.App) error {
			return func(a *command.App) error { return answer.Print(a.Out, "json") }
		}
		promise, plan := r, r
		promise.DryRun, plan.Decision = true, contract.DecidedReady
		for name, show := range map[string]func(*command.App) error{
			"a result":            told(present.Deployed(r)),
			"a contract":          told(present.Deployed(promise)),
			"a plan":              told(present.Deployed(plan)),
			"a result in JSON":    inJSON(present.Deployed(r)),
			"a recovery":          told(present.Recovered([]contract.Recovery{spoiled[contract.Recovery](v)})),
			"all":                 told(present.Reconciled(spoiled[contract.Reconciliation](v))),
			"a comparison":        told(present.Compared(spoiled[contract.Comparison](v))),
			"a way back":          told(present.Rollback(spoiled[inventory.RollbackOptions](v))),
			"a table":             told(present.Services([]inventory.Service{spoiled[inventory.Service](v)})),
			"a registry's report": inJSON(registryanswer.Report(spoiled[registryanswer.Result](v))),
			"a note":              func(a *command.App) error { terminal.Note(a.Err, v); return nil },
			"an event": func(a *command.App) error {
				terminal.NewProgress(a.Err, terminal.Plain, false).Line(journal.Line{Point: workload.Point(v), Text: v}, true)
				return nil
			},
			"an error": func(a *command.App) error { a.Execute(t.Context(), failing(v)); return nil },
		} {
			var out bytes.Buffer
			a := command.New(nil, Streams{Out: &out, Err: &out}, "test", nil)
			a.Format = "text"
			if err := show(a); err != nil {
				t.Fatalf("%s of %.60q: %v", name, v, err)
			}
			if bad := unfit(out.String()); bad != "" {
				t.Errorf("%.60q in %s is shown as %s", v, name, bad)
			}
		}
	}
}
