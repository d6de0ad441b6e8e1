package rpc

import (
	"context"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// Inspect asks for the facts about the registry that the settings describe.
func (c *Client) Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Call)
	defer cancel()
	m, err := c.registry.Inspect(ctx, &artifactv1.InspectRequest{Settings: settingsToProto(s)})
	if err != nil {
		return registry.Facts{}, c.fail(ctx, artifactv1.RegistryService_ServiceDesc.ServiceName, err)
	}
	var f fields
	facts := f.facts(m.GetFacts())
	if f.err != nil {
		return registry.Facts{}, malformed(f.err)
	}
	for i, words := range facts.Unread {
		facts.Unread[i] = fault.Says(c.opts.Host, quoted(words))
	}
	return facts, nil
}

// Install makes the registry what the settings declare, hands each step on when it is
// done, and returns when all are. STALLED when nothing is heard for Options.Step. After
// that, as after a cut, the host goes on by itself.
func (c *Client) Install(ctx context.Context, s registry.Settings, expected registry.Hashes, each func(registry.Progress)) (registry.Installed, error) {
	req := &artifactv1.InstallRequest{Settings: settingsToProto(s), Expected: hashesToProto(expected)}
	open := func(ctx context.Context) (grpc.ServerStreamingClient[artifactv1.InstallResponse], error) {
		return c.registry.Install(ctx, req)
	}
	var installed registry.Installed
	err := receive(ctx, c, artifactv1.RegistryService_ServiceDesc.ServiceName, c.opts.Step, open, func(m *artifactv1.InstallResponse) (result bool, err error) {
		var f fields
		switch step := m.GetStep().(type) {
		case *artifactv1.InstallResponse_Progress:
			if p := f.progress(step.Progress); f.err == nil {
				each(p)
			}
		case *artifactv1.InstallResponse_Result:
			installed, result = f.installed(step.Result), true
		default:
			f.refuse("step", "neither progress nor a result")
		}
		return result, f.err
	})
	if err != nil {
		return registry.Installed{}, err
	}
	return installed, nil
}
