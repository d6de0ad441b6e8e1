package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// questions are lines of every command that only reads.
var questions = []string{
	"deploy plan --env prod", "deploy plan --env prod --service frontend --commit " + strings.Repeat("a", 40),
	"deploy apply --env prod --dry-run", "deploy apply --env prod --service frontend --dry-run",
	"deploy diff --env prod", "deploy diff --env prod --service frontend",
	"artifact-registry deploy-service --service frontend --dry-run --commit " + strings.Repeat("a", 40),
	"artifact-registry deploy-service --service frontend --commit " + strings.Repeat("a", 40),
	"artifact-registry plan", "artifact-registry render", "artifact-registry install --dry-run",
	"artifact-registry status", "artifact-registry health", "artifact-registry list", "artifact-registry catalog",
	"history", "history --service frontend", "history show 20260101T000000Z-1",
	"verify --service frontend", "rollback --service frontend", "logs --service frontend",
	"status", "status frontend --env prod", "metrics", "services", "services frontend", "catalog print", "catalog check FILE",
	"host list", "host bootstrap --dry-run D601", "host placement D601", "help", "completion bash", "completion fish", "completion powershell", "completion zsh",
	"doctor", "explain", "explain LOCKED", "schema", "schema history show", "version", "version --hosts", "notify test", "config view",
}

// acting are the commands that write to the state folder, or do so without a flag
// that lets them only read.
var acting = []string{"recover", "watch", "page", "artifact-registry prefetch", "artifact-registry deploy-backend-core"}

// A command that only reads leaves the state folder as it is, so an account that may
// not write to it can ask.
func TestAQuestionWritesNothing(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, state string){
		"no state folder":                        func(*testing.T, string) {},
		"one that this account may not write to": populate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, content := range map[string]string{
				"controller.yaml": fmt.Sprintf("version: 1\nstate: %[1]s/state\nhosts: {D601: {socket: %[1]s/none.sock}}\nmaster: {root: %[1]s, docker: 'unix://%[1]s/none.sock'}\n", dir),
				"config.json":     `{"providerGateway":{"upgrade":{"composeEnvFile":"env"}}}`,
				"deploy.json":     `{"environments":{"prod":{"services":{"frontend":{"commit":"` + strings.Repeat("a", 40) + `"}}}}}`,
				"env":             "",
			} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			state := filepath.Join(dir, "state")
			prepare(t, state)
			before := tree(t, state)
			for _, line := range questions {
				var out, complaints strings.Builder
				args := append(strings.Fields(strings.Replace(line, "FILE", filepath.Join(dir, "deploy.json"), 1)), "--config", dir)
				code := Run(t.Context(), args, Streams{Out: &out, Err: &complaints}, "test", nil)
				if after := tree(t, state); after != before {
					t.Fatalf("after %q the state folder is\n%s\nand was\n%s", line, after, before)
				}
				if said := out.String() + complaints.String(); strings.Contains(said, "permission denied") || strings.Contains(said, "make the") {
					t.Errorf("%q, exit %d: %s", line, code, said)
				}
			}
		})
	}
}

func TestEachCommandReadsOrActs(t *testing.T) {
	t.Parallel()
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		words := strings.TrimPrefix(cmd.CommandPath(), "unidesk-controller ")
		asked := slices.ContainsFunc(questions, func(line string) bool { return strings.HasPrefix(line+" ", words+" ") })
		if !cmd.HasSubCommands() && !cmd.IsAdditionalHelpTopicCommand() && asked == slices.Contains(acting, words) {
			t.Errorf("%s is to be a question or to act", words)
		}
	}
	look(root(command.New(nil, Streams{}, "test", nil)))
}

// populate makes a state folder with something of everything in it, and takes the
// leave to write away.
func populate(t *testing.T, state string) {
	t.Helper()
	books := ledger.Open(filepath.Join(state, "ledger"))
	receipt := ledger.Receipt{
		ID: "20260101T000000Z-1", Service: must(artifact.ParseServiceID("frontend")), Env: artifact.Prod,
		Commit: must(artifact.ParseCommit(strings.Repeat("a", 40))), Outcome: ledger.Succeeded,
	}
	pending := receipt
	pending.ID, pending.Service = "20260101T000000Z-2", must(artifact.ParseServiceID("todo-note"))
	killed := filepath.Join(state, "ledger", "prod", "findjob", ".lock")
	_, err := books.Record(receipt)
	err = errors.Join(err, books.Prepare(pending), os.MkdirAll(filepath.Dir(killed), 0o700), os.WriteFile(killed, []byte("alice\n"), 0o600))
	for _, folder := range []string{"changes", "grants", "sources", "spool"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(state, folder), 0o700))
	}
	for _, file := range []string{"watch.lock", "spool/lock"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(state, file), nil, 0o600))
	}
	chmod := func(folder, file fs.FileMode) error {
		return filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(path, folder)
			}
			return os.Chmod(path, file)
		})
	}
	if err := errors.Join(err, chmod(0o500, 0o400)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chmod(0o700, 0o600) }) // so that it can be removed
}

// tree returns all that is in a folder, with modes, sizes and times; "" without a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			_, err = fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all.String()
}
