package declared

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Env reads the env file of a project. It refuses a file that sets a variable which
// redirects Compose. The project's own name as COMPOSE_PROJECT_NAME changes nothing.
func Env(path, project string) (envfile.Content, error) {
	c, err := envfile.Load(path)
	if err != nil {
		return envfile.Content{}, err
	}
	for _, key := range []string{
		"COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_ENV_FILES", "COMPOSE_DISABLE_ENV_FILE",
		"COMPOSE_PROJECT_NAME", "COMPOSE_REMOVE_ORPHANS", "COMPOSE_COMPATIBILITY",
	} {
		v, set := c.Lookup(key)
		if !set || key == "COMPOSE_PROJECT_NAME" && v == project {
			continue
		}
		return envfile.Content{}, fault.New(fault.WorkloadUnfit, "env file %s sets %s, which would redirect Compose", path, key).
			WithHint("remove %s from %s: the project, its files and its name are given on the command line", key, path)
	}
	return c, nil
}
