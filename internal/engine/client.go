package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// This file is all that knows the docker module, which is frozen: moving to its
// successor github.com/moby/moby/client is a change of this file.

// patience is how long any call but a load may take. Removing a large image takes
// seconds on a slow disk; an engine that needs longer than this is stuck.
const patience = time.Minute

// Client is a connection to one engine. Its methods may be called concurrently.
type Client struct{ api *client.Client }

// New returns a client of the engine at host, for example
// "unix:///var/run/docker.sock"; "" is the default socket. Nothing is dialled
// before the first call, which also settles the API version.
func New(host string) (*Client, error) {
	if host == "" {
		host = client.DefaultDockerHost
	}
	api, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "engine address %q: %w", host, err)
	}
	return &Client{api}, nil
}

// Close drops idle connections.
func (c *Client) Close() error { return c.api.Close() }

// Version asks the engine for its versions and platform, and nothing that it would
// have to count first.
func (c *Client) Version(ctx context.Context) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := c.api.ServerVersion(ctx)
	if err != nil {
		return Info{}, explain(err, "ask the engine's version")
	}
	return Info{Version: v.Version, APIVersion: v.APIVersion, Platform: artifact.Platform{OS: v.Os, Architecture: v.Arch}}, nil
}

// Info asks the engine what it is. With an error comes what it told before.
func (c *Client) Info(ctx context.Context) (Info, error) {
	info, err := c.Version(ctx)
	if err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	i, err := c.api.Info(ctx)
	if err != nil {
		return info, explain(err, "ask the engine's state")
	}
	info.Store, info.RootDir = Classic, i.DockerRootDir
	if slices.Contains(i.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"}) {
		info.Store = Containerd
	}
	return info, nil
}

// Containers returns every container of a Compose service, newest first: stopped
// ones and what an interrupted recreate left too, but no `compose run`.
func (c *Client) Containers(ctx context.Context, project, service string) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := c.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", "com.docker.compose.project="+project),
		filters.Arg("label", "com.docker.compose.service="+service),
	)})
	if err != nil {
		return nil, explain(err, "list containers")
	}
	var found []Container
	for _, summary := range list {
		if strings.EqualFold(summary.Labels["com.docker.compose.oneoff"], "true") {
			continue
		}
		one, err := c.Container(ctx, summary.ID)
		if errors.Is(err, ErrNotFound) {
			continue // removed since the list was made
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	slices.SortFunc(found, newestFirst)
	return found, nil
}

// Container returns one container by id or name; ErrNotFound.
func (c *Client) Container(ctx context.Context, id string) (Container, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return Container{}, explain(err, "inspect container")
	}
	out := Container{
		ID: in.ID, Name: strings.TrimPrefix(in.Name, "/"), ImageID: in.Image, Restarts: in.RestartCount,
		Created: moment(in.Created),
	}
	if in.Config != nil {
		out.ImageRef, out.Labels, out.Env = in.Config.Image, in.Config.Labels, in.Config.Env
	}
	if in.State != nil {
		out.Running, out.ExitCode, out.Started = in.State.Running, in.State.ExitCode, moment(in.State.StartedAt)
		out.State = in.State.Status
	}
	if in.HostConfig != nil {
		out.Published = published(in.HostConfig.PortBindings)
	}
	if in.NetworkSettings != nil {
		if bound := published(in.NetworkSettings.Ports); len(bound) > 0 {
			out.Published = bound
		}
		for _, network := range in.NetworkSettings.Networks {
			for _, text := range []string{network.IPAddress, network.GlobalIPv6Address} {
				if addr, err := netip.ParseAddr(text); err == nil {
					out.Addresses = append(out.Addresses, addr)
				}
			}
		}
		slices.SortFunc(out.Addresses, netip.Addr.Compare)
	}
	return out, nil
}

// published returns the host's side of bindings. No address is every address, as
// the engine takes it; no port is one that it chooses when it starts the container.
func published(ports nat.PortMap) (bound []netip.AddrPort) {
	for _, bindings := range ports {
		for _, b := range bindings {
			if b.HostIP == "" {
				b.HostIP = "0.0.0.0"
			}
			addr, err := netip.ParseAddr(b.HostIP)
			port, portErr := strconv.ParseUint(b.HostPort, 10, 16)
			if err == nil && portErr == nil && port != 0 {
				bound = append(bound, netip.AddrPortFrom(addr, uint16(port)))
			}
		}
	}
	slices.SortFunc(bound, netip.AddrPort.Compare)
	return slices.Compact(bound)
}

// RemoveContainer removes a container, running or not, with its anonymous volumes
// kept. One that is gone is no error.
func (c *Client) RemoveContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := c.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return explain(err, "remove container")
}

// RenameContainer gives a container another name, as after an interrupted recreate.
func (c *Client) RenameContainer(ctx context.Context, id, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return explain(c.api.ContainerRename(ctx, id, name), "rename container")
}

// Logs returns the last lines of a container's output, both streams in their
// order, and of these the last maxBytes.
func (c *Client) Logs(ctx context.Context, id string, lines, maxBytes int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, explain(err, "inspect container")
	}
	r, err := c.api.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines)})
	if err != nil {
		return nil, explain(err, "read container's output")
	}
	defer r.Close()
	last := &tail{max: maxBytes}
	if in.Config != nil && in.Config.Tty {
		_, err = io.Copy(last, r)
	} else {
		_, err = stdcopy.StdCopy(last, last, r)
	}
	return last.lines(), explain(err, "read container's output")
}

// Image returns an image by id, or by a name; ErrNotFound.
func (c *Client) Image(ctx context.Context, ref string) (Image, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ImageInspect(ctx, ref, client.ImageInspectWithManifests(true))
	told := err == nil
	if errdefs.IsInvalidArgument(err) || err != nil && strings.Contains(err.Error(), "requires API version") {
		in, err = c.api.ImageInspect(ctx, ref) // the engine is older than 28.0, API 1.48
	}
	if err != nil {
		return Image{}, explain(err, "inspect image")
	}
	out := Image{ID: in.ID, Tags: in.RepoTags, RepoDigests: in.RepoDigests, Created: moment(in.Created)}
	if in.Config != nil {
		out.Labels, out.Env = in.Config.Labels, in.Config.Env
	}
	for _, text := range in.RootFS.Layers {
		d, err := artifact.ParseDigest(text)
		if err != nil {
			return Image{}, fault.New(fault.EngineFailed, "image %s: diff id %q", ref, text)
		}
		out.DiffIDs = append(out.DiffIDs, d)
	}
	// Only containerd's store has a descriptor and manifests. An id that is not a
	// sha256 leaves the digest zero, which equals no other.
	if in.Descriptor == nil {
		out.Config, _ = artifact.ParseDigest(in.ID)
		out.Complete = true
		return out, nil
	}
	out.Config, _ = artifact.ParseDigest(in.Descriptor.Annotations[configAnnotation])
	out.Complete = told && slices.ContainsFunc(in.Manifests, func(m image.ManifestSummary) bool {
		return m.ID == in.ID && m.Available
	})
	return out, nil
}

// ImagesWithLabel returns the images that carry a label, whatever its value.
func (c *Client) ImagesWithLabel(ctx context.Context, label string) ([]Image, error) {
	return c.images(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label))})
}

// AllImages returns every image, unnamed and intermediate ones too.
func (c *Client) AllImages(ctx context.Context) ([]Image, error) {
	return c.images(ctx, image.ListOptions{All: true})
}

func (c *Client) images(ctx context.Context, options image.ListOptions) ([]Image, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := c.api.ImageList(ctx, options)
	if err != nil {
		return nil, explain(err, "list images")
	}
	// The list lacks the diff ids, so each one is asked for by itself.
	found := make([]Image, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, summary := range list {
		g.Go(func() (err error) {
			found[i], err = c.Image(ctx, summary.ID)
			if fault.ReasonOf(err) == fault.EngineFailed {
				return nil // removed since the list was made, or broken: it has nothing to offer
			}
			return err
		})
	}
	err = g.Wait()
	return slices.DeleteFunc(found, func(i Image) bool { return i.ID == "" }), err
}

// Tag gives an image one more name; a name that another image had moves.
func (c *Client) Tag(ctx context.Context, id, ref string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return explain(c.api.ImageTag(ctx, id, ref), "tag image")
}

// Untag takes a name off its image; one that does not exist is no error. The
// engine drops an image with its last name, and refuses (ErrInUse) to take the
// last name from one that a container uses.
func (c *Client) Untag(ctx context.Context, ref string) error {
	return c.remove(ctx, ref, "untag image")
}

// RemoveImage removes an image by id, its parents stay. One that is gone is no
// error, one that a container uses is ErrInUse.
func (c *Client) RemoveImage(ctx context.Context, id string) error {
	return c.remove(ctx, id, "remove image")
}

func (c *Client) remove(ctx context.Context, ref, act string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.api.ImageRemove(ctx, ref, image.RemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return explain(err, act)
}

func (c *Client) postLoad(ctx context.Context, archive io.Reader) (io.ReadCloser, error) {
	// Progress lines are wanted: they are the sign of life. No platform: with one,
	// containerd's store refuses an archive that leaves anything out.
	answer, err := c.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(false))
	if err != nil {
		return nil, explain(err, "load")
	}
	return answer.Body, nil
}

func (c *Client) postPull(ctx context.Context, ref string) (io.ReadCloser, error) {
	return c.api.ImagePull(ctx, ref, image.PullOptions{})
}

// explain gives an error of the API its reason.
func explain(err error, act string) error {
	switch {
	case err == nil:
		return nil
	case errdefs.IsNotFound(err):
		return fault.New(fault.EngineFailed, "%s: %w: %w", act, ErrNotFound, err)
	case errdefs.IsConflict(err):
		return fault.New(fault.EngineFailed, "%s: %w: %w", act, ErrInUse, err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Transient(fault.EngineUnavailable, "%s: engine does not answer: %w", act, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.EngineUnavailable, "%s: %w", act, err).WithHint("the engine's socket is for root and the group docker")
	case client.IsErrConnectionFailed(err):
		return fault.Transient(fault.EngineUnavailable, "%s: %w", act, err).WithHint("systemctl status docker")
	default:
		if status := (interface{ StatusCode() int })(nil); errors.As(err, &status) && status.StatusCode() == http.StatusServiceUnavailable {
			return fault.Transient(fault.EngineUnavailable, "%s: %w", act, err)
		}
		return fault.New(fault.EngineFailed, "%s: %w", act, err)
	}
}

// AllContainers returns every container, of Compose or not, as a bystander of a
// deploy: running ones with their times, the others without. One of `compose run`
// is left out, and so is one that is removed while it is being asked about.
func (c *Client) AllContainers(ctx context.Context) ([]workload.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := c.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, explain(err, "list containers")
	}
	list = slices.DeleteFunc(list, func(s container.Summary) bool {
		return strings.EqualFold(s.Labels["com.docker.compose.oneoff"], "true")
	})
	found := make([]workload.Container, len(list))
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
	return slices.DeleteFunc(found, func(b workload.Container) bool { return b.ID == "" }), err
}

func (c *Client) bystander(ctx context.Context, s container.Summary) (workload.Container, error) {
	out := workload.Container{ID: s.ID, Project: s.Labels["com.docker.compose.project"], Service: s.Labels["com.docker.compose.service"]}
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
		return workload.Container{}, explain(err, "inspect container")
	}
	if in.State != nil {
		out.Running, out.Started, out.Restarts = in.State.Running, moment(in.State.StartedAt), in.RestartCount
	}
	out.Fleeting = in.HostConfig != nil && in.HostConfig.AutoRemove
	return out, nil
}

// moment parses the API's times; what is no time is none.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
