package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// contractOf is the contract of the built-in catalog for a service at commit a.
func contractOf(t *testing.T, service string, env artifact.Env) contract.Contract {
	t.Helper()
	services, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.NewContract(services, contract.Request{
		Service: service, Env: env, Commit: a.String(),
		Statement: func(artifact.ServiceID, artifact.Env, artifact.Commit) string { return "the statement" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAContractTouchesOneServiceByItsCommit(t *testing.T) {
	t.Parallel()
	c := contractOf(t, "baidu-netdisk", artifact.Prod)
	for name, tag := range map[string]string{"image": c.Image, "the last tag": c.Target.Tags[len(c.Target.Tags)-1]} {
		if !strings.HasSuffix(tag, ":"+a.String()) {
			t.Errorf("%s is %q, want the tag of the full commit", name, tag)
		}
	}
	if want := "docker compose up -d --no-build --no-deps --force-recreate --pull never baidu-netdisk"; c.Target.Command != want {
		t.Errorf("command %q, want %q", c.Target.Command, want)
	}
	if c.Health.Port != 4244 || len(c.Health.Flags) != 5 {
		t.Errorf("health %+v, want the catalog's port and flags", c.Health)
	}
	if !slices.Contains(c.RequiredSecrets, "UNIDESK_BAIDU_NETDISK_TOKEN_KEY") || len(c.RequiredSecrets) != 3 {
		t.Errorf("secrets %q, want the three of the catalog", c.RequiredSecrets)
	}
	if !slices.Contains(c.EnvKeys, "UNIDESK_BAIDU_NETDISK_DEPLOY_COMMIT") {
		t.Errorf("keys %q, want those of the service", c.EnvKeys)
	}
	excluded := strings.Join(c.ExcludedTargets, "\n")
	if !strings.Contains(excluded, "todo-note") || strings.Contains(excluded, "baidu-netdisk") || strings.Contains(excluded, "findjob") {
		t.Errorf("excluded are %q, want the other services of the project", c.ExcludedTargets)
	}
	if c.Statement != "" {
		t.Errorf("a service without a supervisor has a statement to sign: %q", c.Statement)
	}
}

// In a pod the keys bear the prefix that all pods have.
func TestAContractUsesTheKeysOfItsEnvironment(t *testing.T) {
	t.Parallel()
	for env, key := range map[artifact.Env]string{artifact.Prod: "UNIDESK_FRONTEND_DEPLOY_COMMIT", artifact.Dev: "UNIDESK_DEPLOY_COMMIT"} {
		if c := contractOf(t, "frontend", env); !slices.Contains(c.EnvKeys, key) {
			t.Errorf("%s: keys %q, want %s", env, c.EnvKeys, key)
		}
	}
}

func TestAContractTellsADefaultFromAFlag(t *testing.T) {
	t.Parallel()
	for env, source := range map[artifact.Env]string{0: "default", artifact.Prod: "flag"} {
		if c := contractOf(t, "todo-note", env); c.Env != artifact.Prod || c.EnvSource != source {
			t.Errorf("--env %q: %s from %q, want prod from %q", env, c.Env, c.EnvSource, source)
		}
	}
}

// The command that brings a version back takes the way that the service's gates want.
func TestTheRollbackCommandPassesTheGates(t *testing.T) {
	t.Parallel()
	for service, c := range map[string]struct {
		env  artifact.Env
		want string
	}{
		"baidu-netdisk":  {artifact.Prod, "deploy-service --service baidu-netdisk --env prod --commit <previous-full-sha> --run-now"},
		"backend-core":   {artifact.Prod, "deploy apply --env prod --service backend-core --commit <previous-full-sha>"},
		"code-queue-mgr": {artifact.Prod, "deploy-service --service code-queue-mgr --env prod --commit <previous-full-sha> --run-now --grant FILE"},
		"met-nonlinear":  {artifact.Prod, "deploy-service --service met-nonlinear --env prod --commit <previous-full-sha> --dry-run"},
		"frontend":       {artifact.Dev, "deploy-service --service frontend --env dev --commit <previous-full-sha> --run-now"},
	} {
		if got := contractOf(t, service, c.env).Rollback.String(); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %q, want %q", service, got, c.want)
		}
	}
}

func TestAGatedDeployNamesTheStatementToSign(t *testing.T) {
	t.Parallel()
	c := contractOf(t, "code-queue-mgr", artifact.Prod)
	r := contract.Gated(c)
	if r.OK || r.Decision != contract.DecidedGated || r.Failure.Reason != fault.SupervisorRequired {
		t.Errorf("%s (%+v), want it gated", r.Decision, r.Failure)
	}
	if !strings.HasSuffix(r.Failure.Next.String(), "--dry-run") || c.Statement == "" {
		t.Errorf("next %q, statement %q: want the dry run, which prints the statement", r.Failure.Next, c.Statement)
	}
	if c := contractOf(t, "met-nonlinear", artifact.Prod); c.Statement != "" || contract.Gated(c).Decision != contract.DecidedGated {
		t.Errorf("statement %q, %s: want no grant to open a contract that does not match", c.Statement, contract.Gated(c).Decision)
	}
}

func TestOnlyAFullCommitMakesAContract(t *testing.T) {
	t.Parallel()
	services, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, commit := range []string{"", "latest", "master", a.String()[:12], a.Short(), strings.ToUpper(a.String()), a.String() + "a"} {
		_, err := contract.NewContract(services, contract.Request{Service: "todo-note", Commit: commit})
		if fault.ReasonOf(err) != fault.CommitNotPinned {
			t.Errorf("commit %q: %v, want %s", commit, err, fault.CommitNotPinned)
		}
	}
}

// A refusal that waiting can end asks for a retry, and another does not.
func TestARefusalLeadsToTheNextCommand(t *testing.T) {
	t.Parallel()
	for reason, next := range map[fault.Reason]string{
		fault.Usage:           "unidesk-controller --help",
		fault.CommitNotPinned: "unidesk-controller artifact-registry list",
		fault.UnknownService:  "unidesk-controller services",
		fault.ReceiptNotFound: "unidesk-controller history",
		fault.Interrupted:     "unidesk-controller recover",
		fault.Internal:        "unidesk-controller doctor",
	} {
		r := contract.Refused(fault.New(reason, "no"))
		if r.OK || r.Failure.Reason != reason || r.Failure.Next.String() != next || r.Failure.Retry {
			t.Errorf("%s: %+v, want next %q", reason, r.Failure, next)
		}
		if r := contract.Refused(fault.Transient(reason, "later")); !r.Failure.Retry {
			t.Errorf("%s: a fault that passes is not to be tried again", reason)
		}
	}
}
