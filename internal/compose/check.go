package compose

import (
	"context"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Version asks the Compose plugin which version it is.
func (r *Runtime) Version(ctx context.Context) (string, error) {
	out, err := r.read(ctx, envfile.Content{}, "compose", "version", "--short")
	return strings.TrimPrefix(plain.Line(strings.TrimSpace(string(out))), "v"), err
}

// Check has Compose read the project twice and print nothing: as it is read for a
// deploy, and with the env file's values put in, as it is read when it is run.
func (r *Runtime) Check(ctx context.Context) error {
	env, err := r.readEnv()
	if err != nil {
		return err
	}
	if _, err := r.read(ctx, env, r.arguments("config", "--no-interpolate", "--no-env-resolution", "--quiet")...); err != nil {
		return err
	}
	_, err = r.read(ctx, env, r.arguments("config", "--quiet")...)
	return err
}
