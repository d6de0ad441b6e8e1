package compose

import (
	"context"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Version asks the Compose plugin that docker would start which version it is. It needs
// the docker command in PATH, neither a project nor an engine.
func Version(ctx context.Context) (string, error) {
	r := &Runtime{env: environment(defaultDockerHost), limits: usual()}
	var err error
	if r.docker, err = findDocker(""); err != nil {
		return "", err
	}
	return r.version(ctx)
}

func (r *Runtime) version(ctx context.Context) (string, error) {
	out, err := r.read(ctx, envfile.Content{}, "compose", "version", "--short")
	return strings.TrimPrefix(plain.Line(strings.TrimSpace(string(out))), "v"), err
}

// Check has Compose read a project twice and print nothing: as it is read for a
// deploy, and with the env file's values put in, as it is read when it is run. It needs
// no engine.
func Check(ctx context.Context, c Config) error {
	r, err := New(c, nil, nil)
	if err != nil {
		return err
	}
	env, err := r.readGuarded()
	if err != nil {
		return err
	}
	if _, err := r.read(ctx, env, r.arguments("config", "--no-interpolate", "--no-env-resolution", "--quiet")...); err != nil {
		return err
	}
	_, err = r.read(ctx, env, r.arguments("config", "--quiet")...)
	return err
}
