package rpc

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// Plan asks how Stream would send the ranges now: an entry per range, in their order. An
// agent that knows no deltas sends each whole.
func (c *Client) Plan(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest) (plans []layers.Plan, err error) {
	if len(ranges) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Call)
	defer cancel()
	m, err := c.images.PlanTransfer(ctx, &artifactv1.PlanTransferRequest{
		Repository: repo.String(), Ranges: rangesToProto(ranges), Bases: digestsToProto(bases),
	})
	if status.Code(err) == codes.Unimplemented {
		for _, r := range ranges {
			plans = append(plans, layers.Plan{Digest: r.Layer.Digest, Wire: r.Size(), Why: "the agent is of a version that sends no deltas"})
		}
		return plans, nil
	}
	if err != nil {
		return nil, c.fail(ctx, artifactv1.ImageService_ServiceDesc.ServiceName, err)
	}
	if len(m.GetLayers()) != len(ranges) {
		return nil, malformed(fault.New(fault.InvalidRequest, "layers: %d where %d were asked for", len(m.GetLayers()), len(ranges)))
	}
	var f fields
	for i, l := range m.GetLayers() {
		plans = append(plans, f.plan(ranges[i], len(bases) > 0, l))
	}
	if f.err != nil {
		return nil, malformed(f.err)
	}
	return plans, nil
}

// plan parses how a range would cross.
func (f *fields) plan(r layers.Range, deltas bool, m *artifactv1.LayerPlan) layers.Plan {
	p := layers.Plan{
		Digest: f.digest("layers.digest", m.GetDigest()), Delta: m.GetWay() == artifactv1.Way_WAY_DELTA, Why: quoted(m.GetWhy()),
		Wire: f.size("layers.wire_bytes", m.GetWireBytes(), maxSize), Unpacked: f.size("layers.unpacked_size", m.GetUnpackedSize(), maxSize),
	}
	switch {
	case p.Digest != r.Layer.Digest:
		f.refuse("layers.digest", "not the one that was asked for")
	case p.Delta && (!r.Delta || !deltas):
		f.refuse("layers.way", "a delta where none was asked for")
	case !p.Delta && (m.GetWay() != artifactv1.Way_WAY_WHOLE || p.Wire != r.Size()):
		f.refuse("layers.way", "neither a delta nor what is left of the blob")
	}
	return p
}
