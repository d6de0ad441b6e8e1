package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
)

// fail makes a fault of what a call of a service ended with. gRPC's error does not
// show whether the caller gave up, the connection broke or the agent refused, so fail
// asks each of them.
func (c *Client) fail(ctx context.Context, service string, err error) error {
	f := fromStatus(c.opts.Host, err)
	var code codes.Code
	if r := (*remoteError)(nil); errors.As(f, &r) {
		code = r.st.Code()
	}
	switch {
	case ctx.Err() != nil && (code == codes.Canceled || code == codes.DeadlineExceeded || code == codes.Unavailable):
		return gaveUp(ctx)
	case f.Reason == fault.HostUnreachable:
		// A broken connection's status has no reason; the tunnel may know it.
		if cause := c.link.failure(); cause != nil {
			return cause
		}
		return f
	case f.Reason == fault.CapabilityMissing:
		return c.outdated(ctx, service)
	}
	return f
}

// gaveUp returns why this side ended a call.
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

// Unplaced is an agent that could do what it is asked, and whose agent.yaml does
// not name what with.
type Unplaced struct {
	// Host is the agent's host, What is the act that it does not do, Key is the key that agent.yaml lacks.
	Host, What, Key string
}

// Error implements error.
func (e *Unplaced) Error() string {
	return fmt.Sprintf("the agent on %s %s: its agent.yaml has no %s", e.Host, e.What, e.Key)
}

// outdated explains an agent that does not know a call of a service: it is of another
// version, or its agent.yaml does not name what the call is about.
func (c *Client) outdated(ctx context.Context, service string) error {
	version := "of unknown version"
	if heard := c.agent.Load(); heard != nil {
		version = *heard
	} else {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if d, err := c.host.Describe(ctx, &artifactv1.DescribeRequest{}); err == nil {
			version = d.GetAgentVersion()
		}
	}
	ours, same := c.opts.Version, build.Same(version, c.opts.Version)
	host := cmp.Or(c.opts.Host, "its host")
	missing := &Unplaced{Host: host}
	switch service {
	case artifactv1.RegistryService_ServiceDesc.ServiceName:
		missing.What, missing.Key = "manages no registry", "registryRoots"
	case artifactv1.ImageService_ServiceDesc.ServiceName:
		missing.What, missing.Key = "serves no images", "registry"
	case artifactv1.WorkloadService_ServiceDesc.ServiceName:
		missing.What, missing.Key = "serves no workloads", "projects"
	}
	if same && missing.Key != "" {
		return fault.New(fault.CapabilityMissing, "%w", missing).
			WithHint("on %s, as root: name %s in /etc/unidesk/agent.yaml (%s shows how), then systemctl restart unidesk-agent", host, missing.Key, manual.Page("agent.yaml"))
	}
	err := fault.New(fault.CapabilityMissing, "the agent on %s (%s) does not know what this controller (%s) asks", host, version, ours)
	if same {
		return err.WithHint("restart the agent there, if a newer one was installed and not started")
	}
	return err.WithHint("install unidesk-agent %s there", ours)
}
