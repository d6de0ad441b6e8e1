package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Only client.go, images.go, inspected.go, neighbours.go, blueprint.go, hold.go and anew.go
// use the docker module, which is frozen: moving to its successor
// github.com/moby/moby/client changes these files.

// patience is how long any call but a load may take. Removing a large image takes
// seconds on a slow disk; an engine that needs longer than this is stuck.
const patience = time.Minute

// Client is a connection to an engine. Its methods may be called concurrently.
type Client struct {
	api *client.Client
	// dials counts the connections. An engine that restarts ends all: what was learned over
	// a connection holds until the next dial.
	dials atomic.Int64
	known atomic.Pointer[known]
}

// known is what Info learned, and how many dials there were then.
type known struct {
	Info
	dials int64
}

// New returns a client of the engine at host, for example
// "unix:///var/run/docker.sock"; "" is the default socket. Nothing is dialled
// before the first call, which also settles the API version.
func New(host string) (*Client, error) {
	if host == "" {
		host = client.DefaultDockerHost
	}
	at, err := client.ParseHostURL(host)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "engine address %q: %w", host, err)
	}
	c := &Client{}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c.dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, at.Scheme, at.Host)
	}
	if c.api, err = client.NewClientWithOpts(client.WithHost(host), client.WithDialContext(dial), client.WithAPIVersionNegotiation()); err != nil {
		return nil, fault.New(fault.ConfigInvalid, "engine address %q: %w", host, err)
	}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() error { return c.api.Close() }

// speaks reports whether the client speaks at least this version of the API with the engine.
// The client asks the engine once, by a ping.
func (c *Client) speaks(ctx context.Context, major, minor int) (bool, error) {
	// A question for the oldest version settles the version, and is never refused.
	if err := c.api.NewVersionError(ctx, "1.0", "ping"); err != nil {
		return false, err
	}
	return Info{APIVersion: c.api.ClientVersion()}.Speaks(major, minor), nil
}

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

// same reports whether the engine answers a ping, with no new connection since dials was
// read. A ping starts no program.
func (c *Client) same(ctx context.Context, dials int64) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.api.Ping(ctx)
	return err == nil && c.dials.Load() == dials
}

// Info returns what the engine is. It asks once for a connection, since an engine starts four
// programs to answer. With an error it returns what it learned before.
func (c *Client) Info(ctx context.Context) (Info, error) {
	if k := c.known.Load(); k != nil && c.same(ctx, k.dials) {
		return k.Info, nil
	}
	info, err := c.Version(ctx)
	if err != nil {
		return Info{}, err
	}
	dials := c.dials.Load()
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
	c.known.Store(&known{info, dials})
	return info, nil
}

// Containers returns every container of a Compose service, newest first: also stopped
// containers and leftovers of an interrupted recreate, but none of `compose run`.
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

// Container returns a container by id or name; ErrNotFound.
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
		out.Command, out.Folder = slices.Concat(in.Config.Entrypoint, in.Config.Cmd), in.Config.WorkingDir
	}
	out.StopTimeout, out.Mounts = stopTimeout(in), mounts(in)
	if in.State != nil {
		out.Running, out.ExitCode, out.Started = in.State.Running, in.State.ExitCode, moment(in.State.StartedAt)
		out.State = in.State.Status
		if h := in.State.Health; h != nil && h.Status != container.NoHealthcheck {
			out.Health = h.Status
		}
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

// RemoveContainer removes a container, running or not, with its anonymous volumes kept.
// It is no error if the container is gone.
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

// Output selects the end of a container's output.
type Output struct {
	// Lines and Bytes are the most that are returned.
	Lines, Bytes int
	// After and Until are when it was printed; the zero value is no limit.
	After, Until time.Time
}

// Logs returns the end of a container's output, both streams in their order. It asks for
// no times: the engine puts them into the middle of long lines.
func (c *Client) Logs(ctx context.Context, id string, o Output) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	in, err := c.api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, explain(err, "inspect container")
	}
	r, err := c.api.ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(o.Lines), Since: bound(o.After, 1), Until: bound(o.Until, 0),
	})
	if err != nil {
		return nil, explain(err, "read container's output")
	}
	defer r.Close()
	last := &tail{max: o.Bytes}
	if in.Config != nil && in.Config.Tty {
		_, err = io.Copy(last, r)
	} else {
		_, err = stdcopy.StdCopy(last, last, r)
	}
	return last.lines(), explain(err, "read container's output")
}

// bound returns t plus more as the API takes a time, "" for the zero time.
func bound(t time.Time, more time.Duration) string {
	if t.IsZero() {
		return ""
	}
	return t.Add(more).UTC().Format(time.RFC3339Nano)
}

// explain returns the fault for an error of the API while it did act.
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

// moment parses a time of the API; it returns the zero time for any other text.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
