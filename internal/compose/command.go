package compose

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/plugin"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// plugin returns the path of the Compose plugin that docker would start, "" if it is not
// known. Docker starts it twice, once to ask what it is: without docker a command takes
// half the time.
func (r *Runtime) plugin() string {
	if r.config.Docker != "" {
		return ""
	}
	return plugin.Find(plugin.Folders(r.env))
}

// arguments are those of `docker` for a Compose command: lists only, no shell.
func (r *Runtime) arguments(args ...string) []string {
	all := []string{"compose", "--project-directory", r.config.Root, "-p", r.config.Project, "--env-file", r.config.EnvFile}
	for _, f := range r.config.files() {
		all = append(all, "-f", f)
	}
	return append(all, args...)
}

// files are the paths of the Compose files.
func (c Config) files() []string {
	all := make([]string, len(c.Files))
	for i, f := range c.Files {
		if !filepath.IsAbs(f) {
			f = filepath.Join(c.Root, f)
		}
		all[i] = f
	}
	return all
}

// up recreates a service, whatever became of ctx meanwhile: see [limits].
func (r *Runtime) up(ctx context.Context, spec workload.Spec, lock *os.File) error {
	env, err := r.readGuarded()
	if err != nil {
		return err
	}
	// The engine's words may quote what Compose gave a container from elsewhere than
	// the env file: from the Compose file, or an env file of the service's own.
	secrets := func() []string {
		values := env.Values()
		// An engine that does not answer has quoted nothing either.
		found, _ := r.engine.Containers(context.WithoutCancel(ctx), spec.Ref.Scope(), spec.Ref.Name())
		for _, c := range found {
			values = append(values, r.given(context.WithoutCancel(ctx), spec, c)...)
		}
		return values
	}
	// Compose reports an engine that does not answer.
	f, _ := r.fleet(context.WithoutCancel(ctx), spec)
	var stops time.Duration
	if f.main != nil && f.main.Running {
		stops = f.main.StopTimeout
	}
	err = r.runApart(ctx, lock, r.limits.with(stops), secrets, r.upArguments(spec.Ref.Name())...)
	if errors.Is(err, errStopped) && f.main != nil {
		if old, gone := r.engine.Container(context.WithoutCancel(ctx), f.main.ID); gone == nil && old.Running {
			return fault.New(fault.ComposeFailed, "container %s did not stop: it gets %s for that: %w", old.Name, stops, err)
		}
	}
	return err
}

func (r *Runtime) upArguments(service string) []string {
	return r.arguments("--progress", "plain", "up", "-d", "--no-build", "--no-deps", "--force-recreate", "--pull", "never", service)
}

// closed returns the obstacle to writing the deploy keys of a change, zero if there is none.
func (r *Runtime) closed() *workload.Obstacle {
	if err := envfile.Writable(r.config.EnvFile); err != nil {
		return &workload.Obstacle{What: err.Error(), Fix: fault.HintOf(err)}
	}
	return &workload.Obstacle{}
}

// Barred implements [confirm.Barring]: a revert replaces the env file.
func (r *Runtime) Barred() error { return envfile.Barred(r.config.EnvFile) }

// readGuarded is readEnv for what is done by the project's files.
func (r *Runtime) readGuarded() (envfile.Content, error) {
	if r.config.Guard != nil {
		if err := r.config.Guard(append(r.config.files(), r.config.EnvFile)...); err != nil {
			return envfile.Content{}, err
		}
	}
	return r.readEnv()
}

func (r *Runtime) readEnv() (envfile.Content, error) {
	return declared.Env(r.config.EnvFile, r.config.Project)
}
