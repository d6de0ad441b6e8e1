package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// keepLabel marks a container that holds an image; its value names the change.
const keepLabel = "unidesk.keep"

// keptRequest is the variable, in a holder's environment, that has the request.
const keptRequest = "UNIDESK_KEEP_REQUEST="

// Hold makes a container that is never started: no prune of images takes the image, and
// none of volumes the volumes, while it is there. It has none of the labels of the
// request, so it is no container of Compose. Its environment has the request.
func (c *Client) Hold(ctx context.Context, b *Blueprint, name, change string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := json.Marshal(b)
	if err != nil {
		return fault.New(fault.Internal, "encode %s: %w", b, err)
	}
	in, err := c.api.ContainerInspect(ctx, name)
	switch {
	case err == nil && in.Config != nil && in.Config.Labels[keepLabel] == change && in.Image == b.ImageID:
		return nil
	case err == nil:
		if err := c.Release(ctx, name); err != nil {
			return err
		}
	case !errdefs.IsNotFound(err):
		return explain(err, "inspect container")
	}
	config := &container.Config{
		Image: b.ImageID, Entrypoint: []string{"/never-started"}, Labels: map[string]string{keepLabel: change}, Env: []string{keptRequest + string(request)},
	}
	host := &container.HostConfig{NetworkMode: network.NetworkNone}
	for _, m := range b.Host.Mounts {
		if m.Type == mount.TypeVolume && m.Source != "" {
			host.Mounts = append(host.Mounts, mount.Mount{
				Type: mount.TypeVolume, Source: m.Source, Target: m.Target, VolumeOptions: &mount.VolumeOptions{NoCopy: true},
			})
		}
	}
	_, err = c.createAnew(ctx, config, host, nil, name, func(in container.InspectResponse) bool {
		return in.Config != nil && in.Config.Labels[keepLabel] != ""
	})
	return err
}

// Held returns the request that a holder of this change has; ErrNotFound.
func (c *Client) Held(ctx context.Context, name, change string) (*Blueprint, error) {
	one, err := c.Container(ctx, name)
	if err != nil {
		return nil, err
	}
	if one.Labels[keepLabel] != change {
		return nil, fault.New(fault.EngineFailed, "container %s is of another change: %w", name, ErrNotFound)
	}
	for _, e := range one.Env {
		if request, ok := strings.CutPrefix(e, keptRequest); ok {
			b := new(Blueprint)
			if err := json.Unmarshal([]byte(request), b); err != nil || b.Config == nil || b.Host == nil {
				// The error would quote the request.
				return nil, fault.New(fault.EngineFailed, "container %s holds no create request", name)
			}
			return b, nil
		}
	}
	return nil, fault.New(fault.EngineFailed, "container %s holds no create request", name)
}

// Holding returns the change that a holder was made for, "" if there is no holder of this
// name.
func (c *Client) Holding(ctx context.Context, name string) (change string, err error) {
	one, err := c.Container(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return one.Labels[keepLabel], err
}

// Release removes a holder, with the volumes that the engine made for it alone. A
// container of that name that holds nothing stays, and a missing container is no error.
func (c *Client) Release(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return explain(err, "inspect container")
	}
	if in.Config == nil || in.Config.Labels[keepLabel] == "" {
		return fault.New(fault.EngineFailed, "container %s has the name of one that holds an image, and holds none", name).
			WithHint("give it another name: `docker rename %s %[1]s-other`; or remove it", name)
	}
	err = c.api.ContainerRemove(ctx, in.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return explain(err, "remove container")
}
