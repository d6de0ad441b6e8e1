package controller

import (
	"context"
	"net"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// remote is the agent on the registry's host. It is connected to once, when it is
// first needed; a command that needs nothing of it opens no connection.
type remote struct {
	config  tunnel.Config
	version string

	dialing sync.Mutex
	client  *rpc.Client

	counting sync.Mutex
	conns    []*tunnel.Conn
}

// newRemote is the agent of a host. It is not connected to yet.
func newRemote(host tunnel.Config, version string) *remote {
	return &remote{config: host, version: version}
}

// warm connects in the background, so that ssh's handshake costs no time of its
// own. Whoever needs the connection meets the error, if there is one.
func (r *remote) warm(ctx context.Context) {
	go func() { _, _ = r.connect(ctx) }()
}

// Resolve implements deploy.Artifacts.
func (r *remote) Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, platform artifact.Platform) (artifact.Image, error) {
	client, err := r.connect(ctx)
	if err != nil {
		return artifact.Image{}, err
	}
	return client.Resolve(ctx, repo, commit, platform)
}

// Stream implements layers.Source.
func (r *remote) Stream(ctx context.Context, repo artifact.Repository, ranges []layers.Range, each func(layers.Chunk) error) error {
	client, err := r.connect(ctx)
	if err != nil {
		return err
	}
	return client.Stream(ctx, repo, ranges, each)
}

func (r *remote) connect(ctx context.Context) (*rpc.Client, error) {
	r.dialing.Lock()
	defer r.dialing.Unlock()
	if r.client != nil {
		return r.client, nil
	}
	client, err := rpc.Dial(ctx, r.dial, rpc.Options{Version: r.version, Host: r.config.Name()})
	if err != nil {
		return nil, err
	}
	r.client = client
	return client, nil
}

// dial opens a connection of the client's, which is one but after a cut.
func (r *remote) dial(ctx context.Context) (net.Conn, error) {
	conn, err := tunnel.Dial(ctx, r.config)
	if err != nil {
		return nil, err
	}
	r.counting.Lock()
	defer r.counting.Unlock()
	r.conns = append(r.conns, conn)
	return conn, nil
}

// traffic is the payload of all connections so far, in bytes.
func (r *remote) traffic() (sent, received int64) {
	r.counting.Lock()
	defer r.counting.Unlock()
	for _, c := range r.conns {
		s, n := c.Counts()
		sent, received = sent+s, received+n
	}
	return sent, received
}

// Close ends the connection. One that is still being made is waited for; the
// context of its command has ended it.
func (r *remote) Close() error {
	r.dialing.Lock()
	defer r.dialing.Unlock()
	if r.client == nil {
		return nil
	}
	return r.client.Close()
}
