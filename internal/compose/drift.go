package compose

import (
	"context"
	"crypto/sha256"
	"reflect"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// agreed is a container that was as the files with this sum define it.
type agreed struct {
	container string
	sum       [sha256.Size]byte
	at        time.Time
}

// Compare implements [confirm.Comparing]. It asks Compose, which knows best: by the hash
// of the service's definition, with all values put in, and by a dry run for what Compose
// would do to networks and volumes.
func (r *Runtime) Compare(ctx context.Context, ref workload.Ref, seen workload.Observation) *workload.Drift {
	in := seen.Current()
	if in == nil || seen.Unread != nil {
		return nil
	}
	sum, whole := r.sum()
	if a := r.agreed.Load(); a != nil && whole && a.container == in.ID && a.sum == sum && time.Since(a.at) < fresh {
		return &workload.Drift{}
	}
	d := &workload.Drift{}
	if err := r.compare(ctx, ref, in.ID, d); err != nil {
		d.Unknown = plain.Line(err.Error())
	}
	if whole && reflect.DeepEqual(*d, workload.Drift{}) {
		r.agreed.Store(&agreed{in.ID, sum, time.Now()})
	}
	return d
}

func (r *Runtime) compare(ctx context.Context, ref workload.Ref, container string, d *workload.Drift) error {
	env, err := r.readGuarded()
	if err != nil {
		return err
	}
	c, err := r.engine.Container(ctx, container)
	if err != nil {
		return err
	}
	if d.Changed, d.Unknown, err = r.changed(ctx, env, ref.Name(), c); err != nil {
		return err
	}
	said, err := r.rehearse(ctx, env, ref.Name())
	if err != nil {
		return err
	}
	networks, volumes := declared.Replaced(said)
	for _, name := range networks {
		users, err := r.engine.OnNetwork(ctx, name)
		if err != nil {
			return err
		}
		n := workload.Network{Name: name}
		for _, u := range users {
			if !u.Of(ref) {
				n.Users = append(n.Users, u.Name)
			}
		}
		d.Networks = append(d.Networks, n)
	}
	d.Volumes = volumes
	return nil
}

// changed reports whether the service's definition, with the values of the env file as it
// is now, is not the definition that a container was made from. Two versions of Compose
// may compute different hashes of the same definition: then unknown is why.
func (r *Runtime) changed(ctx context.Context, env envfile.Content, service string, c engine.Container) (changed bool, unknown string, err error) {
	was := c.Labels["com.docker.compose.config-hash"]
	if was == "" {
		return false, "", nil
	}
	out, err := r.read(ctx, env, r.arguments("config", "--hash", service)...)
	if err != nil {
		return false, "", err
	}
	if now := strings.Fields(string(out)); len(now) == 2 && now[1] == was {
		return false, "", nil
	}
	here, err := r.version(ctx)
	if err != nil {
		return false, "", err
	}
	if made := c.Labels["com.docker.compose.version"]; made != here {
		return false, "container " + c.Name + " was made by Compose " + plain.Line(made) + ", and Compose " + here + " is here, which may compute another hash of the same definition", nil
	}
	return true, "", nil
}

// rehearse returns what Compose would do for the service, as it prints it, with the container left
// as it is. Nothing is touched.
func (r *Runtime) rehearse(ctx context.Context, env envfile.Content, service string) ([]byte, error) {
	stdout, stderr, err := r.capture(ctx, env, r.arguments("--progress", "plain", "--dry-run", "up", "--no-start", "--no-build", "--no-deps", "--no-recreate", "--pull", "never", service)...)
	return append(stdout, stderr...), err
}
