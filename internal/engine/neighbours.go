package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// AllContainers returns every container, of Compose or not, as a bystander of a
// deploy; only running containers have times. It leaves out a container of `compose
// run`, a holder of a deploy's own, and a container that is removed before it can
// inspect it.
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

func (c *Client) bystander(ctx context.Context, s container.Summary) (workload.Neighbour, error) {
	out := workload.Neighbour{ID: s.ID, Scope: s.Labels["com.docker.compose.project"], Group: s.Labels["com.docker.compose.service"]}
	for _, name := range s.Names {
		// The others are what links call it: /another/alias.
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			out.Name = name
		}
	}
	switch s.State {
	case container.StateCreated, container.StateExited, container.StateDead:
		return out, nil // the list lacks times, and of these they do not matter
	}
	in, err := c.api.ContainerInspect(ctx, s.ID)
	if err != nil {
		return workload.Neighbour{}, explain(err, "inspect container")
	}
	if in.State != nil {
		out.Running, out.Started, out.Restarts = in.State.Running, moment(in.State.StartedAt), in.RestartCount
	}
	out.AutoRemove = in.HostConfig != nil && in.HostConfig.AutoRemove
	return out, nil
}
