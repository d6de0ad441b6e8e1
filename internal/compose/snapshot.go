package compose

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// State is what a change replaces, enough to bring it back. Was holds secrets, see
// [State.Split].
type State struct {
	// Container is the id of the old container, "" for none; Running is true if it ran.
	Container string `json:"container,omitempty"`
	Running   bool   `json:"running,omitempty"`
	// ImageID is the container's image, Stable the image that the stable name meant,
	// possibly another; "" for none.
	ImageID string `json:"imageId,omitempty"`
	Stable  string `json:"stable,omitempty"`
	// Image names the image by digests, if the container's labels name it.
	Image artifact.Pinned `json:"image,omitzero"`
	// Undo takes the deploy keys of the env file back.
	Undo envfile.Undo `json:"undo"`
	// Was is the create request of the container. Known means that there is such a request: a record
	// of an older program has none, and another account's cannot be read.
	Was   *engine.Blueprint `json:"-"`
	Known bool              `json:"known,omitempty"`
}

// Split implements [confirm.Secretive]: the environment, the command and the labels of
// the container may hold secrets.
func (s State) Split() (open State, secret []byte, err error) {
	if s.Was == nil {
		return s, nil, nil
	}
	secret, err = json.Marshal(s.Was)
	s.Was = nil
	return s, secret, err
}

// Join implements [confirm.Secretive].
func (s State) Join(secret []byte) (State, error) {
	was := new(engine.Blueprint)
	if err := json.Unmarshal(secret, was); err != nil || was.Config == nil || was.Host == nil {
		return s, errors.New("it holds no create request") // the error would quote it
	}
	s.Was = was
	return s, nil
}

// Snapshot implements [confirm.Runtime].
func (r *Runtime) Snapshot(ctx context.Context, spec workload.Spec, change workload.Change) (workload.Before, State, error) {
	env, err := r.readGuarded()
	if err != nil {
		return workload.Before{}, State{}, err
	}
	d, err := r.define(ctx, env, spec.Ref.Name())
	if err != nil {
		return workload.Before{}, State{}, err
	}
	if err := envfile.Writable(r.config.EnvFile); err != nil {
		return workload.Before{}, State{}, err
	}
	if err := unfit(spec, proof.FitCompose(spec, d)); err != nil {
		return workload.Before{}, State{}, err
	}
	f, err := r.fleet(ctx, spec)
	if err != nil {
		return workload.Before{}, State{}, err
	}
	if len(f.others) > 0 {
		return workload.Before{}, State{}, fault.New(fault.WorkloadUnfit,
			"container %s belongs to the service too and is not called %s: Compose would replace it, and a revert could not bring it back",
			f.others[0].Name, spec.Compose.ContainerName).WithHint("`docker rename %s %s` gives it that name; or remove it", f.others[0].Name, spec.Compose.ContainerName)
	}
	if err := r.free(ctx, spec, f); err != nil {
		return workload.Before{}, State{}, err
	}
	var s State
	var before workload.Before
	if _, s.Undo, err = envfile.Edit(env, assignments(spec, change)); err != nil {
		return workload.Before{}, State{}, err
	}
	if s.Stable, err = r.imageID(ctx, spec.Compose.Image); err != nil {
		return workload.Before{}, State{}, err
	}
	id, err := r.staged(ctx, spec, change)
	if err == nil {
		err = r.uncovered(ctx, spec, d, id)
	}
	if err != nil {
		return workload.Before{}, State{}, err
	}
	if c := f.main; c != nil {
		s.Container, s.ImageID, s.Running = c.ID, c.ImageID, c.Running
		img, err := r.engine.Image(ctx, c.ImageID)
		if errors.Is(err, engine.ErrNotFound) {
			return workload.Before{}, State{}, fault.New(fault.WorkloadUnfit,
				"the image of container %s is gone: a revert could not bring it back", c.Name)
		}
		if err != nil {
			return workload.Before{}, State{}, err
		}
		if s.Was, err = r.engine.Blueprint(ctx, c.ID); err != nil {
			return workload.Before{}, State{}, err
		}
		s.Known, s.Image = true, pinned(*c, spec, change, img.Config)
		before = workload.Before{Basis: workload.Basis(c.ID), Running: runs(*c), ImageID: c.ImageID, Config: img.Config, Commit: img.Labels[artifact.LabelRevision]}
	}
	return before, s, nil
}

// assignments are the change's deploy keys with their prefix.
func assignments(spec workload.Spec, change workload.Change) map[string]string {
	keys := make(map[string]string, len(change.Stamps))
	for k, v := range change.Stamps {
		keys[spec.KeyPrefix+k] = v
	}
	return keys
}

// pinned names the image of a container by what this program wrote when it made the
// container; zero if it did not.
func pinned(c engine.Container, spec workload.Spec, change workload.Change, config artifact.Digest) artifact.Pinned {
	env := deployEnv(c, spec.KeyPrefix)
	commit, noCommit := artifact.ParseCommit(env[workload.KeyCommit])
	manifest, noManifest := artifact.ParseDigest(env[workload.KeyDigest])
	if noCommit != nil || noManifest != nil || config.IsZero() {
		return artifact.Pinned{}
	}
	return artifact.Pinned{Repository: change.Image.Repository, Commit: commit, Manifest: manifest, Config: config}
}

// imageID returns the id that a name stands for, "" when it stands for nothing.
func (r *Runtime) imageID(ctx context.Context, ref string) (string, error) {
	img, err := r.engine.Image(ctx, ref)
	if errors.Is(err, engine.ErrNotFound) {
		return "", nil
	}
	return img.ID, err
}

// staged returns the id of the image to run. Its name may have been moved since
// it was staged, so that the digests decide: an image's id is its config's digest
// or its manifest's, depending on the engine's store.
func (r *Runtime) staged(ctx context.Context, spec workload.Spec, change workload.Change) (string, error) {
	for _, ref := range []string{commitTag(spec, change.Image.Commit), change.Image.Config.String(), change.Image.Manifest.String()} {
		img, err := r.engine.Image(ctx, ref)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if img.Config == change.Image.Config || img.ID == change.Image.Manifest.String() {
			return img.ID, nil
		}
	}
	return "", workload.NotStaged(change.Image.Commit)
}

var noName = regexp.MustCompile(`[^a-z0-9]+`)

// keepRepository returns the repository of the names that keep old images from being unnamed.
func keepRepository(spec workload.Spec) string {
	return "unidesk-keep/" + strings.Trim(noName.ReplaceAllString(strings.ToLower(spec.Ref.Name()), "-"), "-")
}
