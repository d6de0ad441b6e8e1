package rpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// fail makes a fault of what a call ended with. gRPC's error does not say whether
// the caller gave up, the connection broke or the agent refused, so each is asked.
func (c *Client) fail(ctx context.Context, err error) error {
	f := fromStatus(err)
	var code codes.Code
	if r := (*remoteError)(nil); errors.As(f, &r) {
		code = r.st.Code()
	}
	switch {
	case ctx.Err() != nil && (code == codes.Canceled || code == codes.DeadlineExceeded || code == codes.Unavailable):
		return gaveUp(ctx)
	case f.Reason == fault.HostUnreachable:
		// Nothing in a broken connection's status tells why; the tunnel may know.
		if cause := c.link.failure(); cause != nil {
			return cause
		}
		return f
	case f.Reason == fault.CapabilityMissing:
		return c.outdated(ctx, f)
	}
	return f
}

// gaveUp says why a call was ended from this side.
func gaveUp(ctx context.Context) error {
	cause := context.Cause(ctx)
	if f := (*fault.Error)(nil); errors.As(cause, &f) {
		return cause
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return fault.Transient(fault.Stalled, "no answer in time: %w", cause)
	}
	return fault.New(fault.Interrupted, "%w", cause)
}

// outdated names both versions of a pair that does not fit.
func (c *Client) outdated(ctx context.Context, f *fault.Error) error {
	agent := c.agent.Load()
	if agent == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		unknown := "of unknown version"
		agent = &unknown
		if d, err := c.host.Describe(ctx, &artifactv1.DescribeRequest{}); err == nil {
			v := d.GetAgentVersion()
			agent = &v
		}
	}
	return fault.New(fault.CapabilityMissing, "the agent (%s) cannot do what this controller (%s) asks: %w", *agent, c.opts.Version, f.Err).
		WithHint("install unidesk-agent %s there, and see that its agent.yaml configures what is wanted", c.opts.Version)
}
