package unidesk

import (
	"encoding/json"
	"errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// ErrNoEnvironment is in the chain of the error of [Wanted] if deploy.json has no such environment.
var ErrNoEnvironment = errors.New("no environment")

// Wanted returns the commits that deploy.json wants in an environment, by service, as
// they stand there. fs.ErrNotExist is in the chain of the error if there is no file. The file is never written. docs/configuration.md lists the forms
// that are understood; everything else in the file is passed over.
func Wanted(root, file string, env artifact.Env) (map[string]string, error) {
	path := in(root, file)
	content, err := statefile.ReadFile(path, statefile.Most)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "read the wanted commits: %w", err).
			WithHint("name the file in controller.yaml (master.deploy), or give --service and --commit")
	}
	var top object
	if err := json.Unmarshal(content, &top); err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%s is not a JSON object%s", path, position(err))
	}
	environments := objectOf(top["environments"])
	if environments == nil {
		environments = top
	}
	here, ok := environments[env.String()]
	if !ok {
		return nil, fault.New(fault.ConfigInvalid, "%s has %w %s", path, ErrNoEnvironment, env).WithHint("add the environment to the file, or give --service and --commit")
	}
	wanted := map[string]string{}
	services, named := objectOf(here)["services"]
	if !named {
		services = here
	}
	double := twice(services)
	for name, raw := range objectOf(services) {
		if commit := commitOf(raw); commit != "" {
			wanted[name] = commit
		}
	}
	var list []json.RawMessage
	_ = json.Unmarshal(services, &list)
	for _, raw := range list {
		name := objectOf(raw).text(anything, "id", "serviceId", "service", "name")
		if commit := commitOf(raw); name != "" && commit != "" {
			if _, there := wanted[name]; there {
				double = name
			}
			wanted[name] = commit
		}
	}
	if double != "" {
		return nil, fault.New(fault.ConfigInvalid, "%s lists %.60q twice in %s", path, double, env).WithHint("leave one entry for each service")
	}
	if len(wanted) == 0 {
		return nil, fault.New(fault.ConfigInvalid, "%s wants no commit of any service in %s", path, env).
			WithHint("%s shows the forms that are understood", manual.Page("configuration.md"))
	}
	return wanted, nil
}

// commitOf reads an entry: a string, or an object with a commit.
func commitOf(raw json.RawMessage) (commit string) {
	if json.Unmarshal(raw, &commit) == nil {
		return commit
	}
	return objectOf(raw).text(anything, "commit", "commitId", "sourceCommit")
}
