package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// supervised is a configuration with one allowed signer, and nothing to contact.
type supervised struct{ dir string }

func newSupervised(t *testing.T) supervised {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("SKIPPED, there is no ssh-keygen: apt-get install openssh-client")
	}
	s := supervised{t.TempDir()}
	s.keygen(t, "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.dir, "key"))
	key, err := os.ReadFile(filepath.Join(s.dir, "key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "allowed_signers", "alice@example.org "+string(key))
	s.write(t, "controller.yaml", fmt.Sprintf("version: 1\nstate: %s/state\nmaster: {root: %[1]s/root}\nallowedSigners: %[1]s/allowed_signers\n", s.dir))
	return s
}

func (s supervised) keygen(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %q: %v: %s", args, err, out)
	}
}

func (s supervised) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sign makes a grant of a statement, by the commands that a supervisor types.
func (s supervised) sign(t *testing.T, name, statement string) string {
	t.Helper()
	text := s.write(t, name+".txt", statement)
	s.keygen(t, "-q", "-Y", "sign", "-f", filepath.Join(s.dir, "key"), "-n", grant.Namespace, text)
	signature, err := os.ReadFile(text + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	return s.write(t, name+".grant", statement+string(signature))
}

func (s supervised) run(t *testing.T, words ...string) (contract.Result, int) {
	t.Helper()
	var out, stderr bytes.Buffer
	code := cli.Run(t.Context(), append([]string{"--config", s.dir, "-o", "json"}, words...), cli.Streams{Out: &out, Err: &stderr}, "test", nil)
	var r contract.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %v: %s", words, err, out.String())
	}
	return r, code
}

func TestAGrantIsJudgedBeforeAnythingIsContacted(t *testing.T) {
	t.Parallel()
	s := newSupervised(t)
	commit := strings.Repeat("a", 40)
	flags := []string{"--service", "code-queue-mgr", "--env", "prod", "--commit", commit}
	deployService := append([]string{"artifact-registry", "deploy-service"}, flags...)

	shown, _ := s.run(t, append(deployService, "--dry-run")...)
	if again, _ := s.run(t, append(deployService, "--dry-run")...); again.Contract.Statement == shown.Contract.Statement {
		t.Error("two dry runs, one statement")
	}
	late := grant.Deploy{Env: artifact.Prod}
	var err, bad error
	late.Commit, err = artifact.ParseCommit(commit)
	late.Service, bad = artifact.ParseServiceID("code-queue-mgr")
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	good := s.sign(t, "good", shown.Contract.Statement)
	for name, c := range map[string]struct {
		file     string
		decision contract.Decision
		reason   fault.Reason
		exit     int
	}{
		"none":           {"", contract.DecidedGated, fault.SupervisorRequired, 3},
		"no such file":   {filepath.Join(s.dir, "nothing"), contract.DecidedGated, fault.GrantInvalid, 3},
		"edited":         {s.sign(t, "edited", strings.Replace(shown.Contract.Statement, "nonce: ", "nonce: 0", 1)), contract.DecidedGated, fault.GrantInvalid, 3},
		"another commit": {s.sign(t, "other", strings.ReplaceAll(shown.Contract.Statement, commit, strings.Repeat("b", 40))), contract.DecidedGated, fault.GrantMismatch, 3},
		"expired":        {s.sign(t, "late", string(grant.Draft(late, time.Now().Add(-5*time.Hour)).Bytes())), contract.DecidedGated, fault.GrantExpired, 3},
		"good":           {good, contract.DecidedRefused, fault.ConfigInvalid, 1}, // there is no config.json
	} {
		for _, words := range [][]string{append(deployService, "--run-now"), deployService, append([]string{"deploy", "apply"}, flags...)} {
			if c.file == "" && len(words) == len(deployService) {
				continue // a plan without a grant goes past the gate
			}
			all := append([]string{}, words...)
			if c.file != "" {
				all = append(all, "--grant", c.file)
			}
			r, code := s.run(t, all...)
			if r.Decision != c.decision || r.Failure == nil || r.Failure.Reason != c.reason || code != c.exit || r.Mutated {
				t.Errorf("%s, %v: %s, %+v, exit %d", name, words, r.Decision, r.Failure, code)
			}
		}
	}
	all := [][]string{append(deployService, "--run-now"), append(deployService, "--run-now", "--force"), deployService, append([]string{"deploy", "apply"}, flags...)}
	g, err := grant.Verify(t.Context(), good, late, filepath.Join(s.dir, "allowed_signers"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := grant.Use(filepath.Join(s.dir, "state", "grants"), g, "an earlier run", time.Now()); err != nil {
		t.Fatal(err)
	}
	books := ledger.Open(filepath.Join(s.dir, "state", "ledger"))
	another := g
	another.Nonce = strings.Repeat("0", 32)
	if _, err := books.Record(ledger.Receipt{ID: "another", Service: late.Service, Commit: late.Commit, Env: artifact.Prod, Outcome: ledger.Succeeded, Grant: &another}); err != nil {
		t.Fatal(err)
	}
	for _, words := range all { // only the host knows what the run that used it has left
		if r, code := s.run(t, append(words, "--grant", good)...); r.Failure.Reason != fault.ConfigInvalid || code != present.ExitFailed {
			t.Errorf("used, without a receipt, %v: %+v, exit %d", words, r.Failure, code)
		}
	}
	if _, err := books.Record(ledger.Receipt{ID: "earlier", Service: late.Service, Commit: late.Commit, Env: artifact.Prod, Outcome: ledger.Reverted, Grant: &g}); err != nil {
		t.Fatal(err)
	}
	for _, words := range all {
		r, code := s.run(t, append(words, "--grant", good)...)
		if r.Decision != contract.DecidedGated || r.Failure.Reason != fault.GrantUsed || code != present.ExitBlocked || !strings.HasSuffix(r.Failure.Next.String(), " --dry-run") {
			t.Errorf("used, %v: %s, %+v, exit %d", words, r.Decision, r.Failure, code)
		}
	}
	for _, words := range [][]string{
		append(deployService, "--dry-run", "--grant", good),
		{"deploy", "apply", "--env", "prod", "--grant", good},
		{"artifact-registry", "deploy-service", "--service", "frontend", "--commit", commit, "--grant", good},
	} {
		if r, code := s.run(t, words...); code != present.ExitUsage || r.Failure.Reason != fault.Usage {
			t.Errorf("%v: %+v, exit %d", words, r.Failure, code)
		}
	}
	r, code := s.run(t, "artifact-registry", "deploy-service", "--service", "k3sctl-adapter", "--commit", commit, "--run-now", "--grant", good)
	if code != present.ExitBlocked || r.Failure.Reason != fault.SupervisorRequired {
		t.Errorf("k3sctl-adapter: %+v, exit %d", r.Failure, code)
	}
}

func TestTheGrantThatWasGivenIsNamedInWhatToType(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{"deploy.grant": "x --grant deploy.grant", "a b": "x --grant 'a b'", "": "x --grant FILE"} {
		line := contract.Words("x", "--grant", string(contract.GrantFile))
		r := contract.Result{Plan: &contract.Plan{Next: line}, Failure: &contract.Failure{Next: line}}.WithGrant(file)
		if r.Plan.Next.String() != want || r.Failure.Next.String() != want {
			t.Errorf("%q: %q, %q", file, r.Plan.Next, r.Failure.Next)
		}
	}
}
