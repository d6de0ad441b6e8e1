package rpc

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
)

// Options of a client.
type Options struct {
	// Version of this build, for the message that an agent is too old.
	Version string
	// Host is what messages call the agent's host.
	Host string
	// Stall is how long a stream may make no progress; 0 means 60 s. There is no
	// limit on how long it may take.
	Stall time.Duration
	// Step is how long a step of an installation may take; 0 means 9 minutes, which
	// is more than an agent gives an installation and putting things back after it.
	Step time.Duration
	// Call is how long any other call may take; 0 means 90 s.
	Call time.Duration
	// Branch, unless nil, opens a further connection to the same agent. A stream that is
	// held back by the round trip goes on over several.
	Branch func(context.Context) (net.Conn, error)
}

// Client speaks to an agent. It is safe for concurrent use and implements
// layers.Source.
type Client struct {
	opts     Options
	conn     *grpc.ClientConn
	codec    codec
	link     *link
	host     artifactv1.HostServiceClient
	images   artifactv1.ImageServiceClient
	registry artifactv1.RegistryServiceClient
	channels *channels // beside conn
	// agent is the agent's version, once it was heard.
	agent atomic.Pointer[string]
}

// Dial connects, by connect, and returns once the far end has answered in HTTP/2.
// A connection that breaks later fails what is under way; the next call connects
// again, by the same function. Close ends it all.
func Dial(ctx context.Context, connect func(context.Context) (net.Conn, error), opts Options) (*Client, error) {
	if opts.Stall == 0 {
		opts.Stall = time.Minute
	}
	if opts.Step == 0 {
		opts.Step = 9 * time.Minute
	}
	if opts.Call == 0 {
		opts.Call = 90 * time.Second
	}
	link := &link{connect: func(dialing context.Context) (net.Conn, error) { return connect(trace.Carry(dialing, ctx)) }}
	conn, err := newConn(link, 3<<20, opts.Host)
	if err != nil {
		return nil, err
	}
	c := &Client{
		opts: opts, conn: conn, codec: newCodec(), link: link,
		host: artifactv1.NewHostServiceClient(conn), images: artifactv1.NewImageServiceClient(conn),
		registry: artifactv1.NewRegistryServiceClient(conn),
	}
	c.channels = newChannels(ctx, opts, &link.received)
	if err := c.ready(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// newConn makes gRPC's side of a connection that link makes to the agent on a host, with a
// window of so many bytes.
func newConn(link *link, window int32, host string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///agent", append(traced(host),
		grpc.WithContextDialer(link.dial),
		// ssh, or the socket's mode, is what protects the connection.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithMaxHeaderListSize(maxHeaders),
		// Wider than ssh's own window of 2 MiB, so that only ssh's counts; static, so
		// that a slow disk here does not fill memory.
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(window),
		grpc.WithReadBufferSize(128<<10),
		grpc.WithWriteBufferSize(32<<10),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 30 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 500 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 10 * time.Second},
			// connect has limits of its own, whose errors explain more than gRPC's.
			MinConnectTimeout: 2 * time.Minute,
		}),
	)...)
	if err != nil {
		return nil, fault.New(fault.Internal, "dial: %w", err)
	}
	return conn, nil
}

// ready waits for the first connection, or for the first failure.
func (c *Client) ready(ctx context.Context) error {
	c.conn.Connect()
	for {
		switch state := c.conn.GetState(); state {
		case connectivity.Ready:
			return nil
		case connectivity.TransientFailure, connectivity.Shutdown:
			if err := c.link.failure(); err != nil {
				return c.unanswered(err)
			}
			if c.link.silent() {
				return c.unanswered(fault.Transient(fault.HostUnreachable, "no agent answers behind the connection to %s", c.opts.Host))
			}
			return fault.New(fault.NotAnAgent, "the far end does not speak the agent's protocol")
		default:
			if !c.conn.WaitForStateChange(ctx, state) {
				return c.unanswered(fault.New(fault.HostUnreachable, "dial: %w", context.Cause(ctx)))
			}
		}
	}
}

// unanswered adds a hint to a failure that has none, if a connection was made and nothing
// came over it: systemd holds the socket of an agent that does not start.
func (c *Client) unanswered(err error) error {
	if fault.HintOf(err) != "" || !c.link.silent() {
		return err
	}
	f := fault.New(fault.ReasonOf(err), "%w", err).WithHint("on the agent's host: systemctl status unidesk-agent.socket unidesk-agent.service")
	f.Retry = fault.Retryable(err)
	return f
}

// Close ends the connection and everything under way on it.
func (c *Client) Close() error {
	c.channels.close() // over ssh they ride on conn
	return c.conn.Close()
}

// Describe asks what the agent's host is and what the agent can do.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Call)
	defer cancel()
	m, err := c.host.Describe(ctx, &artifactv1.DescribeRequest{})
	if err != nil {
		return Description{}, c.fail(ctx, artifactv1.HostService_ServiceDesc.ServiceName, err)
	}
	d := descriptionOf(m)
	c.agent.Store(&d.AgentVersion)
	return d, nil
}

// Resolve asks for the image of a commit and checks all of it: what is returned
// follows from its manifest's digest, and is the repository's, commit's and
// platform's that was asked for.
func (c *Client) Resolve(ctx context.Context, repo artifact.Repository, commit artifact.Commit, want artifact.Platform) (artifact.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Call)
	defer cancel()
	m, err := c.images.Resolve(ctx, &artifactv1.ResolveRequest{
		Repository: repo.String(), Commit: commit.String(), Platform: platformToProto(want),
	}, grpc.MaxCallRecvMsgSize(maxResolve))
	if err != nil {
		return artifact.Image{}, c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
	}
	var f fields
	img := f.image(m.GetImage())
	if f.err != nil {
		return artifact.Image{}, f.err
	}
	img.Registry = plain.Line(m.GetRegistry())
	if img.Repository != repo || img.Commit != commit {
		return artifact.Image{}, fault.New(fault.DigestMismatch, "asked for %s@%s, the agent answered with %s@%s",
			repo, commit.Short(), img.Repository, img.Commit.Short())
	}
	if img.Platform.OS != want.OS || img.Platform.Architecture != want.Architecture {
		return artifact.Image{}, fault.New(fault.PlatformNotFound, "asked for %s, the agent answered with %s", want, img.Platform)
	}
	return img, nil
}
