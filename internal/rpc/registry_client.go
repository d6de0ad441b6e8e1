package rpc

import (
	"context"
	"errors"
	"io"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// Inspect asks what there is of the registry that the settings describe.
func (c *Client) Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Call)
	defer cancel()
	m, err := c.registry.Inspect(ctx, &artifactv1.InspectRequest{Settings: settingsToProto(s)})
	if err != nil {
		return registry.Facts{}, c.fail(ctx, err)
	}
	return factsOf(m.GetFacts())
}

// Install makes the registry what the settings say, hands each step on when it is
// done, and returns when all are. STALLED when nothing is heard for Options.Step.
// After that, as after a cut, the host goes on by itself.
func (c *Client) Install(ctx context.Context, s registry.Settings, expected registry.Hashes, each func(registry.Progress)) (registry.Installed, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the call wherever this returns
	watch := newStallWatch(c.link, c.opts.Step, cancel)
	defer watch.stop()
	stream, err := c.registry.Install(ctx, &artifactv1.InstallRequest{Settings: settingsToProto(s), Expected: hashesToProto(expected)})
	if err != nil {
		return registry.Installed{}, c.fail(ctx, err)
	}
	var result *registry.Installed
	for {
		watch.start()
		m, err := stream.Recv()
		watch.stop()
		switch {
		case errors.Is(err, io.EOF) && result != nil:
			return *result, nil
		case errors.Is(err, io.EOF):
			return registry.Installed{}, fault.Transient(fault.HostUnreachable, "the agent ended the installation's stream without a result")
		case err != nil:
			return registry.Installed{}, c.fail(ctx, err)
		case result != nil:
			return registry.Installed{}, fault.New(fault.Internal, "the agent sends more after the result")
		}
		switch step := m.GetStep().(type) {
		case *artifactv1.InstallResponse_Progress:
			p, err := progressOf(step.Progress)
			if err != nil {
				return registry.Installed{}, err
			}
			each(p)
		case *artifactv1.InstallResponse_Result:
			installed, err := installedOf(step.Result)
			if err != nil {
				return registry.Installed{}, err
			}
			result = &installed
		default:
			return registry.Installed{}, fault.New(fault.Internal, "the agent sends neither progress nor a result")
		}
	}
}
