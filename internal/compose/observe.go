package compose

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Observe implements [confirm.Runtime]. A workload that is not placed lacks what only the
// configuration can give. Observe reads no stamps of it and does not ask for its health.
func (r *Runtime) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	spec, err := r.find(ref)
	if err != nil {
		return workload.Observation{}, err
	}
	seen := workload.Observation{At: time.Now().UTC(), Placement: spec, EnvFile: r.closed()}
	name := ""
	if spec.Placed() {
		name = spec.Compose.ContainerName
	}
	var d workload.ComposeDefinition
	env, err := r.readGuarded()
	if err == nil {
		d, err = r.recall(ctx, env, ref.Name())
	}
	switch {
	case err != nil && (name == "" || ctx.Err() != nil):
		return workload.Observation{}, err
	case err != nil:
		seen.Unread = err // what runs does not depend on it
	default:
		seen.Secrets, seen.Units = env.Presence(spec.Secrets), []workload.Unit{{Name: ref.Name(), Compose: &d}}
		if name = cmp.Or(name, d.ContainerName); spec.Placed() {
			seen.Stamped = env.Deploy(spec.KeyPrefix)
		}
	}
	info, err := r.engine.Info(ctx)
	if err != nil {
		return workload.Observation{}, err
	}
	seen.Platform = info.Platform
	if seen.ImageRoom, err = info.Free(); err != nil {
		return workload.Observation{}, err
	}
	found, err := r.engine.Containers(ctx, ref.Scope(), ref.Name())
	if err != nil {
		return workload.Observation{}, err
	}
	if len(found) == 0 && fault.ReasonOf(seen.Unread) == fault.WorkloadNotFound {
		return workload.Observation{}, seen.Unread
	}
	d.UnreadFiles = r.config.Unread(found...)
	for _, c := range found {
		in, err := r.instance(ctx, spec, d, c)
		if err != nil {
			return workload.Observation{}, err
		}
		if in.Current = c.Name == name; in.Current {
			seen.Basis = workload.Basis(c.ID)
		}
		if probe && c.Running && in.Current && spec.Placed() {
			h := r.prober.Ask(ctx, c.Addresses, spec.Probe)
			in.Health = &h
		}
		seen.Instances = append(seen.Instances, in)
	}
	if !spec.Placed() {
		return seen, nil
	}
	if seen.Current() == nil {
		if seen.NameTakenBy, err = r.nameTaken(ctx, name); err != nil {
			return workload.Observation{}, err
		}
	}
	change, err := r.engine.Holding(ctx, Holder(spec))
	if change != "" {
		seen.Holds = &workload.Holder{Name: Holder(spec), Change: change}
	}
	return seen, err
}

func (r *Runtime) instance(ctx context.Context, spec workload.Spec, d workload.ComposeDefinition, c engine.Container) (workload.Instance, error) {
	in := workload.Instance{
		ID: c.ID, Name: c.Name, Unit: spec.Ref.Name(), ImageID: c.ImageID, Image: c.ImageRef, Created: c.Created, Started: c.Started,
		Running: runs(c), Trouble: trouble(c), ExitCode: c.ExitCode, Restarts: c.Restarts, Healthcheck: c.Health, StopGrace: c.StopTimeout,
		Mounts: c.Mounts, Programs: workload.Programs(c.Command, cmp.Or(c.Folder, "/")),
	}
	if spec.Placed() {
		in.Stamped, in.Labelled = deployEnv(c, spec.KeyPrefix), declared.Keys(c.Labels, d.Labels, spec.KeyPrefix)
	}
	img, err := r.engine.Image(ctx, c.ImageID)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return workload.Instance{}, err
	}
	in.Config, in.Labels = img.Config, img.Labels
	return in, nil
}

// Neighbours implements [workload.Observer].
func (r *Runtime) Neighbours(ctx context.Context, ref workload.Ref) ([]workload.Neighbour, error) {
	if _, err := r.find(ref); err != nil {
		return nil, err
	}
	return r.engine.AllContainers(ctx)
}

// FindImage implements [workload.Observer].
func (r *Runtime) FindImage(ctx context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	if _, err := r.find(ref); err != nil {
		return artifact.Image{}, false, err
	}
	info, err := r.engine.Info(ctx)
	if err != nil {
		return artifact.Image{}, false, err
	}
	got, err := r.engine.Image(ctx, info.Store.ID(image))
	if errors.Is(err, engine.ErrNotFound) || err == nil && !got.Whole(info.Store, image) {
		return artifact.Image{}, false, nil
	}
	return artifact.Image{
		Pinned: image, Platform: got.Platform, Labels: got.Labels, Volumes: got.Volumes, Command: got.Command, Folder: got.Folder,
	}, err == nil, err
}

const (
	// maxLogs bounds the output of a container that is held.
	maxLogs = 64 << 10
	// late is how long a line may take from its time to the engine's file. A reader that
	// continues stays behind by as much, so that it misses none.
	late = 250 * time.Millisecond
	// newer is how many lines may be newer than those that a reader who continues gets: the
	// engine counts lines from the end before it goes by their time.
	newer = 20_000
)

// Logs implements [confirm.Runtime]. The env file may have been edited since what ran
// before got its values.
func (r *Runtime) Logs(ctx context.Context, ref workload.Ref, before *State, instance string, tail workload.Tail) (workload.Output, error) {
	spec, err := r.find(ref)
	if err != nil {
		return workload.Output{}, err
	}
	env, err := r.readEnv()
	if err != nil {
		return workload.Output{}, err // without the secrets there is nothing to scrub with
	}
	failed := func(err error) (workload.Output, error) {
		if errors.Is(err, engine.ErrNotFound) || errors.Is(err, engine.ErrInUse) { // it is removed just now
			err = fault.New(fault.WorkloadNotFound, "container %s of %s is gone: %w", workload.ShortID(instance), spec.Ref, err)
		}
		return workload.Output{}, err
	}
	c, err := r.engine.Container(ctx, instance)
	if err != nil {
		return failed(err)
	}
	if c.Labels["com.docker.compose.project"] != spec.Ref.Scope() || c.Labels["com.docker.compose.service"] != spec.Ref.Name() {
		return workload.Output{}, fault.New(fault.WorkloadNotFound, "container %s is not one of %s", workload.ShortID(instance), spec.Ref)
	}
	until, counted := time.Now(), tail.Lines
	if !tail.After.IsZero() {
		if until = until.Add(-late); !until.After(tail.After) {
			return workload.Output{Until: tail.After}, nil
		}
		counted += newer
	}
	out, err := r.engine.Logs(ctx, c.ID, engine.Output{Lines: counted, Bytes: maxLogs, After: tail.After, Until: until})
	if err != nil {
		return failed(err)
	}
	if out = out[max(0, len(out)-tail.Lines):]; len(out) == 0 {
		return workload.Output{Until: until}, nil
	}
	// What else the container was given may come back in its output, too.
	text := scrub.New(slices.Concat(env.Values(), r.given(ctx, spec, c), r.givenBefore(ctx, spec, before))).String(strings.Join(out, "\n"))
	out = out[:0]
	for line := range strings.SplitSeq(text, "\n") {
		out = append(out, plain.Line(line))
	}
	return workload.Output{Lines: out, Until: until}, nil
}

// given returns the values that a container was given, but for those that are no
// secret: its names, and what its image gives to everyone.
func (r *Runtime) given(ctx context.Context, spec workload.Spec, c engine.Container) (values []string) {
	image, err := r.engine.Image(ctx, c.ImageID)
	if err != nil {
		image = engine.Image{} // then none of them is known to be harmless
	}
	names := []string{spec.Ref.Scope(), spec.Ref.Name()}
	if spec.Placed() {
		names = append(names, spec.Compose.ContainerName, spec.Compose.Image)
	}
	for _, e := range c.Env {
		key, value, _ := strings.Cut(e, "=")
		if (spec.KeyPrefix == "" || !strings.HasPrefix(key, spec.KeyPrefix)) && !slices.Contains(image.Env, e) && !slices.Contains(names, value) {
			values = append(values, value)
		}
	}
	return values
}
