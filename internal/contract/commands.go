package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

// Ours is a command of this program.
func Ours(words ...string) Command {
	return Words(append([]string{"unidesk-controller"}, words...)...)
}

// DeployCommand deploys a commit of a service. The commit may be a placeholder.
func DeployCommand(service artifact.ServiceID, env artifact.Env, commit string, flags ...string) Command {
	return Ours(append([]string{"artifact-registry", "deploy-service", "--service", service.String(), "--env", env.String(), "--commit", commit}, flags...)...)
}

// PrefetchCommand brings the image of a commit to its host, and deploys nothing.
func PrefetchCommand(service artifact.ServiceID, env artifact.Env, commit string) Command {
	return Ours("artifact-registry", "prefetch", "--service", service.String(), "--env", env.String(), "--commit", commit)
}

func applyCommand(service string, env artifact.Env, commit string) Command {
	return Ours("deploy", "apply", "--env", env.String(), "--service", service, "--commit", commit)
}

// LiveCommand brings a commit live, by the entry that the row requires. If no command
// can, it is the dry run.
func LiveCommand(row catalog.Row, env artifact.Env, commit string) Command {
	e := row.Environment(env)
	switch {
	case e.Mode != catalog.Live:
		return DeployCommand(row.Service, env, commit, "--dry-run")
	case e.Has(catalog.UseDeployApply):
		return applyCommand(row.Service.String(), env, commit)
	case e.Has(catalog.SupervisorRequired):
		return DeployCommand(row.Service, env, commit, "--run-now", "--grant", string(GrantFile))
	}
	return DeployCommand(row.Service, env, commit, "--run-now")
}

// RecoverCommand ends what killed runs left.
func RecoverCommand() Command { return Ours("recover") }

// ListCommand lists what the registry holds of a service.
func ListCommand(service string) Command {
	return Ours("artifact-registry", "list", "--service", service)
}

// RollbackCommand lists what a service can go back to.
func RollbackCommand(service string, env artifact.Env) Command {
	return Ours("rollback", "--service", service, "--env", env.String())
}

// GoBackCommand goes back to a commit that was proven.
func GoBackCommand(service string, env artifact.Env, commit artifact.Commit) Command {
	return Ours("rollback", "--service", service, "--env", env.String(), "--to", commit.String(), "--run-now")
}

// VerifyCommand verifies a service.
func VerifyCommand(service string, env artifact.Env) Command {
	return Ours("verify", "--service", service, "--env", env.String())
}
