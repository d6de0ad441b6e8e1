package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Blueprint is the create request of a container: all that the engine needs to make
// the same container again. It has the names of the container's anonymous volumes, and
// the definitions of its networks. It holds secrets, so it prints as a name.
type Blueprint struct {
	// ID is the id of the container that it was read from.
	ID      string `json:"id"`
	Name    string `json:"name"`
	ImageID string `json:"imageId"`
	// Config and Host are in the words of the engine's API, and Endpoints and Networks
	// too, by the name of the network.
	Config    *container.Config                    `json:"config"`
	Host      *container.HostConfig                `json:"host"`
	Endpoints map[string]*network.EndpointSettings `json:"endpoints,omitempty"`
	Networks  map[string]network.CreateOptions     `json:"networks,omitempty"`
}

// String returns the name of the container.
func (b *Blueprint) String() string { return "the create request of " + b.Name }

// LogValue implements [slog.LogValuer].
func (b *Blueprint) LogValue() slog.Value { return slog.StringValue(b.String()) }

// Made reports whether a container was made by this request: of the same image, with
// the same labels and the same environment.
func (b *Blueprint) Made(c Container) bool {
	return c.ImageID == b.ImageID && maps.Equal(c.Labels, b.Config.Labels) && slices.Equal(c.Env, b.Config.Env)
}

// Env is the environment of the container.
func (b *Blueprint) Env() Env { return b.Config.Env }

// Blueprint reads the create request of a container.
func (c *Client) Blueprint(ctx context.Context, id string) (*Blueprint, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, explain(err, "inspect container")
	}
	if in.Config == nil || in.HostConfig == nil || in.NetworkSettings == nil {
		return nil, fault.New(fault.EngineFailed, "the engine tells nothing of how container %s was made", id)
	}
	b := &Blueprint{ID: in.ID, Name: strings.TrimPrefix(in.Name, "/"), ImageID: in.Image, Config: in.Config, Host: in.HostConfig}
	image, err := c.api.ImageInspect(ctx, in.Image)
	if err != nil {
		return nil, explain(err, "inspect image")
	}
	if image.Config != nil && len(b.Config.Entrypoint) == 0 && len(image.Config.Entrypoint) > 0 {
		b.Config.Entrypoint = []string{""} // the engine's form of none though the image has one
	}
	if b.Config.Hostname == in.ID[:12] {
		b.Config.Hostname = "" // the engine gives the id of the new container
	}
	b.mounts(in.Mounts)
	for i, link := range b.Host.Links { // /db:/web/alias is how the engine prints db:alias
		if from, to, ok := strings.Cut(link, ":"); ok {
			b.Host.Links[i] = strings.TrimPrefix(from, "/") + ":" + to[strings.LastIndex(to, "/")+1:]
		}
	}
	mode := b.Host.NetworkMode
	if mode.IsContainer() {
		b.Config.Hostname, b.Config.Domainname, b.Config.ExposedPorts = "", "", nil // they are the other container's
	}
	if mode.IsContainer() || mode.IsHost() || mode.IsNone() {
		return b, nil
	}
	return b, c.endpoints(ctx, b, in.NetworkSettings.Networks)
}

// mounts adds the mounts that the request does not name: an anonymous volume, by its
// name, and mounts that came from another container.
func (b *Blueprint) mounts(points []container.MountPoint) {
	for _, p := range points {
		if p.Type != mount.TypeVolume && p.Type != mount.TypeBind {
			continue
		}
		if i := slices.IndexFunc(b.Host.Mounts, func(m mount.Mount) bool { return m.Target == p.Destination }); i >= 0 {
			if m := &b.Host.Mounts[i]; m.Type == mount.TypeVolume && m.Source == "" {
				m.Source = p.Name
			}
			continue
		}
		bound := func(bind string) bool {
			parts := strings.Split(bind, ":")
			return len(parts) > 1 && parts[1] == p.Destination
		}
		if slices.ContainsFunc(b.Host.Binds, bound) {
			continue
		}
		m := mount.Mount{Type: p.Type, Source: p.Source, Target: p.Destination, ReadOnly: !p.RW}
		if p.Type == mount.TypeVolume {
			m.Source = p.Name
		}
		b.Host.Mounts = append(b.Host.Mounts, m)
	}
	b.Host.VolumesFrom = nil // that container may be gone, and all that came from it is named now
}

// endpoints reads how the container is connected, and what its networks are.
func (c *Client) endpoints(ctx context.Context, b *Blueprint, connected map[string]*network.EndpointSettings) error {
	b.Endpoints, b.Networks = map[string]*network.EndpointSettings{}, map[string]network.CreateOptions{}
	for name, e := range connected {
		if e == nil {
			continue
		}
		b.Endpoints[name] = &network.EndpointSettings{
			IPAMConfig: e.IPAMConfig, Links: e.Links, DriverOpts: e.DriverOpts, GwPriority: e.GwPriority, MacAddress: b.chosen(e),
			// An engine older than API 1.45 adds the id of the container.
			Aliases: slices.DeleteFunc(slices.Clone(e.Aliases), func(a string) bool { return a == b.ID[:12] }),
		}
		if network := container.NetworkMode(name); network.IsDefault() || network.IsBridge() {
			continue
		}
		n, err := c.api.NetworkInspect(ctx, name, network.InspectOptions{})
		if errdefs.IsNotFound(err) {
			continue // the container does not run, and could not either
		}
		if err != nil {
			return explain(err, "inspect network")
		}
		b.Networks[name] = network.CreateOptions{
			Driver: n.Driver, Scope: n.Scope, EnableIPv6: &n.EnableIPv6, IPAM: &n.IPAM, Internal: n.Internal, Attachable: n.Attachable,
			Options: n.Options, Labels: n.Labels,
		}
	}
	return nil
}

// chosen is the hardware address of an endpoint if a person chose it: an address that
// the engine chose may be another container's by now.
func (b *Blueprint) chosen(e *network.EndpointSettings) string {
	wanted := b.Config.MacAddress //nolint:staticcheck // the engine shows by no other word that it did not choose the address
	if wanted == "" || !strings.EqualFold(e.MacAddress, wanted) {
		return ""
	}
	return e.MacAddress
}

// Build makes a container by the request, under a name, and does not start it. A network
// that is gone is made again. ErrNotFound: the image is gone.
func (c *Client) Build(ctx context.Context, b *Blueprint, name string) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	config := *b.Config
	// By the name that the request has, if that still means the image: people read it.
	if image, err := c.api.ImageInspect(ctx, config.Image); err != nil || image.ID != b.ImageID {
		config.Image = b.ImageID
	}
	if _, err := c.api.ImageInspect(ctx, config.Image); err != nil {
		return "", explain(err, "inspect image")
	}
	for _, name := range slices.Sorted(maps.Keys(b.Endpoints)) {
		if _, err := c.network(ctx, b, name); err != nil {
			return "", err
		}
	}
	macs, err := c.speaks(ctx, 1, 44)
	if err != nil {
		return "", explain(err, "ask the engine's version")
	}
	// An engine older than API 1.44 takes a single network here.
	first := string(b.Host.NetworkMode)
	if b.Host.NetworkMode.IsDefault() {
		first = network.NetworkBridge
	}
	connect := &network.NetworkingConfig{}
	if e := b.Endpoints[first]; e != nil {
		connect.EndpointsConfig = map[string]*network.EndpointSettings{first: spoken(e, macs)}
	}
	host := *b.Host
	id, err = c.createAnew(ctx, &config, &host, connect, name, func(in container.InspectResponse) bool { return in.State != nil && !in.State.Running })
	if err != nil {
		return "", err
	}
	one, err := c.Container(ctx, id)
	if err == nil && one.ImageID != b.ImageID {
		err = fault.Transient(fault.Stale, "%s came to mean another image at this moment", config.Image)
	}
	if err == nil {
		err = c.Rejoin(ctx, b, id)
	}
	if err != nil {
		return "", errors.Join(err, c.RemoveContainer(ctx, id))
	}
	return id, nil
}

func spoken(e *network.EndpointSettings, macs bool) *network.EndpointSettings {
	e = e.Copy()
	if !macs {
		e.MacAddress = ""
	}
	return e
}

// network returns the id of a network, which it makes again if it is gone.
func (c *Client) network(ctx context.Context, b *Blueprint, name string) (id string, err error) {
	n, err := c.api.NetworkInspect(ctx, name, network.InspectOptions{})
	if err == nil {
		return n.ID, nil
	}
	options, known := b.Networks[name]
	if !errdefs.IsNotFound(err) || !known {
		return "", explain(err, "inspect network")
	}
	made, err := c.api.NetworkCreate(ctx, name, options)
	if err != nil {
		options.IPAM = nil // its addresses may be another network's by now
		made, err = c.api.NetworkCreate(ctx, name, options)
	}
	return made.ID, explain(err, "create network "+name)
}

// Rejoin connects a container to those networks of the request that it is not, or not
// any more, connected to.
func (c *Client) Rejoin(ctx context.Context, b *Blueprint, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return explain(err, "inspect container")
	}
	macs, err := c.speaks(ctx, 1, 44)
	if err != nil {
		return explain(err, "ask the engine's version")
	}
	for _, name := range slices.Sorted(maps.Keys(b.Endpoints)) {
		there, err := c.network(ctx, b, name)
		if err != nil {
			return err
		}
		if in.NetworkSettings != nil {
			if e := in.NetworkSettings.Networks[name]; e != nil {
				if e.NetworkID == there || e.NetworkID == "" {
					continue
				}
				// It is connected to a network that was removed, and would not start.
				if err := c.api.NetworkDisconnect(ctx, name, id, true); err != nil && !errdefs.IsNotFound(err) {
					return explain(err, "disconnect from network "+name)
				}
			}
		}
		if err := c.api.NetworkConnect(ctx, there, id, spoken(b.Endpoints[name], macs)); err != nil {
			return explain(err, "connect to network "+name)
		}
	}
	return nil
}

// StartContainer starts a container; it is no error if the container runs.
func (c *Client) StartContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return explain(c.api.ContainerStart(ctx, id, container.StartOptions{}), "start container")
}

// StopContainer has a container stop as it is defined, and returns when it has stopped;
// it is no error if the container does not run, or is gone. The caller bounds the time.
func (c *Client) StopContainer(ctx context.Context, id string) error {
	err := c.api.ContainerStop(ctx, id, container.StopOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return explain(err, "stop container")
}
