package site

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// Remote is the agent on the registry's host. It is connected to once, when it is
// first needed; a command that needs nothing of it opens no connection.
type Remote struct {
	name    string // in controller.yaml
	config  tunnel.Config
	trunk   *tunnel.Trunk
	version string
	limit   *layers.Limit

	dialing sync.Mutex
	client  *rpc.Client

	counting sync.Mutex
	conns    []*tunnel.Conn

	remembering sync.Mutex
	resolved    map[artifact.Digest]artifact.Image // of this command, by manifest
}

// NewRemote is the agent of the host of that name. It is not connected to yet.
func NewRemote(name string, host tunnel.Config, version string) *Remote {
	return &Remote{name: name, config: host, trunk: tunnel.NewTrunk(host), version: version}
}

// Warm connects in the background, so that ssh's handshake costs no time of its
// own. The caller that needs the connection meets any error.
func (r *Remote) Warm(ctx context.Context) {
	go func() { _, _ = r.Connect(ctx) }()
}

// Resolve implements [resolve.Artifacts].
func (r *Remote) Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, platform artifact.Platform) (artifact.Image, error) {
	client, err := r.Connect(ctx)
	if err != nil {
		return artifact.Image{}, err
	}
	image, err := client.Resolve(ctx, repo, commit, platform)
	if err == nil {
		r.remembering.Lock()
		defer r.remembering.Unlock()
		if r.resolved == nil {
			r.resolved = map[artifact.Digest]artifact.Image{}
		}
		r.resolved[image.Manifest] = image
	}
	return image, err
}

// Pinned implements [stage.Images]: what Resolve returned before. A command resolves
// each image that it stages, but for the one that a revert needs again: that is what its
// commit's tag means, if the tag still means it.
func (r *Remote) Pinned(ctx context.Context, want artifact.Pinned) (artifact.Image, error) {
	r.remembering.Lock()
	image, ok := r.resolved[want.Manifest]
	r.remembering.Unlock()
	if ok {
		return image, nil
	}
	image, err := r.Resolve(ctx, want.Repository, want.Commit, artifact.Platform{OS: "linux", Architecture: runtime.GOARCH})
	if err == nil && (image.Manifest != want.Manifest || image.Config != want.Config) {
		err = fault.New(fault.DigestMismatch, "the tag of %s means %s by now, not %s", want.Commit.Short(), image.Manifest, want.Manifest)
	}
	return image, err
}

// Stream implements layers.Source.
func (r *Remote) Stream(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest, each func(layers.Piece) error) error {
	client, err := r.Connect(ctx)
	if err != nil {
		return err
	}
	return r.limit.Over(client).Stream(ctx, repo, ranges, bases, each)
}

// Plan implements stage.Planner.
func (r *Remote) Plan(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest) ([]layers.Plan, error) {
	client, err := r.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return client.Plan(ctx, repo, ranges, bases)
}

// LimitTo holds what the agent streams to so many bytes a second; 0 is no limit. It is
// called before the first stream.
func (r *Remote) LimitTo(bytesPerSecond int64) { r.limit = layers.NewLimit(bytesPerSecond) }

// Connect returns the one connection to the agent, and makes it the first time.
func (r *Remote) Connect(ctx context.Context) (*rpc.Client, error) {
	r.dialing.Lock()
	defer r.dialing.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	client, err := rpc.Dial(ctx, r.dial, rpc.Options{Version: r.version, Host: r.config.Name(), Branch: r.branch})
	if errors.Is(err, tunnel.ErrNoAgent) && r.config.SSH != nil {
		return nil, fault.New(fault.ReasonOf(err), "%w", err).
			WithHint("`%s`, or name the agent's path as ssh.command in controller.yaml", plain.Command("unidesk-controller", "host", "bootstrap", r.name))
	}
	if err != nil {
		return nil, err
	}
	r.client = client
	return client, nil
}

// dial opens a connection for the client. It opens a single connection, except after a cut.
func (r *Remote) dial(ctx context.Context) (net.Conn, error) {
	return r.counted(r.trunk.Dial(ctx))
}

// branch opens a further connection beside that of dial.
func (r *Remote) branch(ctx context.Context) (net.Conn, error) {
	return r.counted(r.trunk.Branch(ctx))
}

// counted adds a connection to the traffic.
func (r *Remote) counted(conn *tunnel.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	r.counting.Lock()
	defer r.counting.Unlock()
	r.conns = append(r.conns, conn)
	return conn, nil
}

// traffic is the payload of all connections so far, in bytes.
func (r *Remote) traffic() (sent, received int64) {
	r.counting.Lock()
	defer r.counting.Unlock()
	for _, c := range r.conns {
		s, n := c.Counts()
		sent, received = sent+s, received+n
	}
	return sent, received
}

// Close ends the connection. It waits for a connection that is still being made; the
// context of its command has ended that attempt.
func (r *Remote) Close() error {
	r.dialing.Lock()
	defer r.dialing.Unlock()
	if r.client == nil {
		return nil
	}
	return r.client.Close()
}

// InspectRegistry reads what there is of the registry.
func (r *Remote) InspectRegistry(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	client, err := r.Connect(ctx)
	if err != nil {
		return registry.Facts{}, err
	}
	return client.Inspect(ctx, s)
}

// InstallRegistry makes the registry match the settings. It reports each step that is done.
func (r *Remote) InstallRegistry(ctx context.Context, s registry.Settings, expected registry.Hashes, each func(registry.Progress)) (registry.Installed, error) {
	client, err := r.Connect(ctx)
	if err != nil {
		return registry.Installed{}, err
	}
	return client.Install(ctx, s, expected, each)
}
