package compose

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Observe implements [confirm.Runtime].
func (r *Runtime) Observe(ctx context.Context, spec workload.Spec, probe bool) (workload.Observation, error) {
	if err := r.owns(spec); err != nil {
		return workload.Observation{}, err
	}
	env, err := r.readEnv()
	if err != nil {
		return workload.Observation{}, err
	}
	seen := workload.Observation{At: time.Now().UTC(), Deployed: env.Deploy(spec.EnvPrefix), Secrets: env.Presence(spec.Secrets)}
	if seen.Definition, err = r.recall(ctx, env, spec.Ref.Compose.Service); err != nil {
		return workload.Observation{}, err
	}
	info, err := r.engine.Info(ctx)
	if err != nil {
		return workload.Observation{}, err
	}
	seen.Platform = info.Platform
	if seen.FreeBytes, err = info.Free(); err != nil {
		return workload.Observation{}, err
	}
	found, err := r.engine.Containers(ctx, spec.Ref.Compose.Project, spec.Ref.Compose.Service)
	if err != nil {
		return workload.Observation{}, err
	}
	for _, c := range found {
		in, err := r.instance(ctx, spec, c, probe)
		if err != nil {
			return workload.Observation{}, err
		}
		seen.Instances = append(seen.Instances, in)
	}
	return seen, nil
}

func (r *Runtime) instance(ctx context.Context, spec workload.Spec, c engine.Container, probe bool) (workload.Instance, error) {
	in := workload.Instance{
		ID: c.ID, Name: c.Name, ImageID: c.ImageID, Image: c.ImageRef, Created: c.Created, Started: c.Started,
		Running: c.Running, ExitCode: c.ExitCode, Restarts: c.Restarts, Env: deployEnv(c, spec.EnvPrefix),
	}
	img, err := r.engine.Image(ctx, c.ImageID)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return workload.Instance{}, err
	}
	in.Config, in.Labels = img.Config, img.Labels
	if probe && c.Running && c.Name == spec.Container {
		h := r.prober.Ask(ctx, c.Addresses, spec.Probe)
		in.Health = &h
	}
	return in, nil
}

// Containers implements [workload.Observer].
func (r *Runtime) Containers(ctx context.Context, spec workload.Spec) ([]workload.Container, error) {
	if err := r.owns(spec); err != nil {
		return nil, err
	}
	return r.engine.AllContainers(ctx)
}

// maxLogs bounds the output of a container that is held.
const maxLogs = 64 << 10

// Logs implements [confirm.Runtime].
func (r *Runtime) Logs(ctx context.Context, spec workload.Spec, instance string, lines int) ([]string, error) {
	if err := r.owns(spec); err != nil {
		return nil, err
	}
	env, err := r.readEnv()
	if err != nil {
		return nil, err // without the secrets there is nothing to scrub with
	}
	c, err := r.engine.Container(ctx, instance)
	if err != nil {
		return nil, err
	}
	if c.Labels["com.docker.compose.project"] != spec.Ref.Compose.Project || c.Labels["com.docker.compose.service"] != spec.Ref.Compose.Service {
		return nil, fault.New(fault.WorkloadNotFound, "container %s is not one of %s", workload.ShortID(instance), spec.Ref)
	}
	out, err := r.engine.Logs(ctx, c.ID, lines, maxLogs)
	if err != nil {
		return nil, err
	}
	// What else the container was given may come back in its output, too.
	text := scrub.New(append(env.Values(), r.given(ctx, spec, c)...)).String(strings.Join(out, "\n"))
	out = out[:0]
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, plain.Line(line))
	}
	return out, nil
}

// given are the values that a container was given, but for those that everybody may
// know: its names, and what its image gives to anybody.
func (r *Runtime) given(ctx context.Context, spec workload.Spec, c engine.Container) (values []string) {
	image, err := r.engine.Image(ctx, c.ImageID)
	if err != nil {
		image = engine.Image{} // then none of them is known to be harmless
	}
	names := []string{spec.Ref.Compose.Project, spec.Ref.Compose.Service, spec.Container, spec.Image}
	for _, e := range c.Env {
		key, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(key, spec.EnvPrefix) && !slices.Contains(image.Env, e) && !slices.Contains(names, value) {
			values = append(values, value)
		}
	}
	return values
}
