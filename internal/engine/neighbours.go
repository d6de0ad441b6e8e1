package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// AllContainers returns every container, of Compose or not, as a bystander of a
// deploy; only running containers have times, and a container that ended has its exit
// code. It leaves out a container of `compose run`, a holder of a deploy's own, and a
// container that is removed before it can inspect it.
func (c *Client) AllContainers(ctx context.Context) ([]workload.Neighbour, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := c.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, explain(err, "list containers")
	}
	list = slices.DeleteFunc(list, func(s container.Summary) bool {
		return strings.EqualFold(s.Labels["com.docker.compose.oneoff"], "true") || s.Labels[keepLabel] != ""
	})
	found := make([]workload.Neighbour, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, s := range list {
		g.Go(func() (err error) {
			found[i], err = c.bystander(ctx, s)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			return err
		})
	}
	err = g.Wait()
	return slices.DeleteFunc(found, func(b workload.Neighbour) bool { return b.ID == "" }), err
}

// OnNetwork returns the running containers on a network: their names, and what made them.
func (c *Client) OnNetwork(ctx context.Context, network string) (found []workload.Neighbour, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := c.api.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("network", network))})
	for _, s := range list {
		found = append(found, summary(s))
	}
	return found, explain(err, "list containers of network "+network)
}

// summary is an entry of a list of containers.
func summary(s container.Summary) workload.Neighbour {
	out := workload.Neighbour{ID: s.ID, Scope: s.Labels["com.docker.compose.project"], Group: s.Labels["com.docker.compose.service"]}
	for _, name := range s.Names {
		// Other names are those of links: /another/alias.
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			out.Name = name
		}
	}
	return out
}

func (c *Client) bystander(ctx context.Context, s container.Summary) (workload.Neighbour, error) {
	out := summary(s)
	in, err := c.api.ContainerInspect(ctx, s.ID)
	if err != nil {
		return workload.Neighbour{}, explain(err, "inspect container")
	}
	for _, m := range mounts(in) {
		if m.Kind == "volume" {
			out.Volumes = append(out.Volumes, m.Source)
		}
	}
	if host := in.HostConfig; host != nil {
		out.AutoRemove, out.Shares = host.AutoRemove, shares(host)
		out.KeptRunning = host.RestartPolicy.IsAlways() || host.RestartPolicy.IsUnlessStopped()
	}
	switch s.State {
	case container.StateCreated:
		return out, nil
	case container.StateExited, container.StateDead:
		if in.State != nil {
			out.Exited = &in.State.ExitCode
		}
		return out, nil // its times do not matter
	}
	if in.State != nil {
		out.Running, out.Started, out.Restarts = in.State.Running, moment(in.State.StartedAt), in.RestartCount
		out.Restarting = in.State.Restarting || in.RestartCount > 0 && time.Since(out.Started) < workload.Restless
	}
	return out, nil
}

// shares returns what a container has from other containers.
func shares(host *container.HostConfig) (list []workload.Share) {
	for _, mode := range []struct{ what, of string }{
		{"network", string(host.NetworkMode)}, {"ipc", string(host.IpcMode)}, {"pid", string(host.PidMode)},
	} {
		if with, ok := strings.CutPrefix(mode.of, "container:"); ok {
			list = append(list, workload.Share{What: mode.what, With: with})
		}
	}
	for _, from := range host.VolumesFrom {
		with, _, _ := strings.Cut(from, ":")
		list = append(list, workload.Share{What: "volumes", With: with})
	}
	return list
}
