package contract

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
)

const (
	// PreviousPlaceholder stands for a commit that a contract cannot know.
	PreviousPlaceholder = "<previous-full-sha>"
	// CommitPlaceholder stands for one that nobody has named.
	CommitPlaceholder = "<full-sha>"
	// GrantPlaceholder stands for the file of a grant; a shell takes it as it is.
	GrantPlaceholder = "FILE"
)

// DeployCommand is the line that deploys a commit of a service.
func DeployCommand(service artifact.ServiceID, env catalog.Env, commit string, flags ...string) string {
	words := append([]string{
		"unidesk-controller artifact-registry deploy-service --service", service.String(),
		"--env", string(env), "--commit", commit,
	}, flags...)
	return strings.Join(words, " ")
}

func applyCommand(service string, env catalog.Env, commit string) string {
	return "unidesk-controller deploy apply --env " + string(env) + " --service " + service + " --commit " + commit
}

// LiveCommand is the line that brings a commit live, by the entry that the row
// wants; where nothing can, the one that shows it.
func LiveCommand(row catalog.Row, env catalog.Env, commit string) string {
	e := row.Environment(env)
	switch {
	case e.Mode != catalog.Live:
		return DeployCommand(row.Service, env, commit, "--dry-run")
	case e.Has(catalog.UseDeployApply):
		return applyCommand(row.Service.String(), env, commit)
	case e.Has(catalog.SupervisorRequired):
		return DeployCommand(row.Service, env, commit, "--run-now", "--grant", GrantPlaceholder)
	}
	return DeployCommand(row.Service, env, commit, "--run-now")
}

// serviceProxy is the path below the Kubernetes API at which health is asked.
func serviceProxy(t catalog.Kubernetes, path string) string {
	return fmt.Sprintf("/api/v1/namespaces/%s/services/%s:%d/proxy%s", t.Namespace, t.Service, t.Port, path)
}

// RecoverCommand ends what was left.
const RecoverCommand = "unidesk-controller recover"

// ListCommand is the line that lists what the registry holds of a service.
func ListCommand(service string) string {
	return "unidesk-controller artifact-registry list --service " + service
}
