package engine

import (
	"context"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// createAnew makes a container under a name that only a deploy gives. A killed process may
// have asked for the same name: the engine goes on with that request. createAnew waits until
// that container can be seen, and removes it if ours accepts it.
func (c *Client) createAnew(
	ctx context.Context, config *container.Config, host *container.HostConfig, connect *network.NetworkingConfig, name string,
	ours func(container.InspectResponse) bool,
) (id string, err error) {
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		made, err := c.api.ContainerCreate(ctx, config, host, connect, nil, name)
		if !errdefs.IsConflict(err) {
			return made.ID, explain(err, "create container")
		}
		conflict := explain(err, "create container")
		switch in, err := c.api.ContainerInspect(ctx, name); {
		case err == nil && !ours(in):
			return "", conflict
		case err == nil:
			if err := c.RemoveContainer(ctx, in.ID); err != nil {
				return "", err
			}
		case !errdefs.IsNotFound(err):
			return "", explain(err, "inspect container")
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return "", conflict
		}
	}
}
