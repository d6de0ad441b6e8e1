package stage

import (
	"context"
	"errors"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Plan is what staging an image would do now.
type Plan struct {
	// Missing are the layers that the engine lacks, as far as its images show.
	Missing []artifact.Layer
	// Bytes would cross: what the spool and the cache lack of the missing layers, or what
	// deltas of it cost. Whole is the size of that in whole layers.
	Bytes, Whole int64
	// Moves has how each layer of the image would come.
	Moves []workload.Move
	// SpoolFree is the room that the spool's disk and quota leave, to hold Whole in.
	SpoolFree int64
	// EngineBytes is what the engine needs in its folder, by [workload.Room].
	EngineBytes int64
}

// Plan asks the engine and the spool, and changes neither.
func (s *Stager) Plan(ctx context.Context, image artifact.Image) (Plan, error) {
	info, err := s.engine.Info(ctx)
	if err != nil {
		return Plan{}, err
	}
	if err := capable(info); err != nil {
		return Plan{}, err
	}
	var p Plan
	if p.SpoolFree, err = s.spool.Space(func(d artifact.Digest) bool {
		return slices.ContainsFunc(image.Layers, func(l artifact.Layer) bool { return l.Digest == d || l.DiffID == d })
	}); err != nil {
		return Plan{}, err
	}
	r := &run{Stager: s, image: image, info: info, moves: newMoves()}
	got, err := s.engine.Image(ctx, info.Store.ID(image.Pinned))
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return Plan{}, err
	}
	if err == nil && got.Complete && r.same(got) {
		return p, nil
	}
	have, err := common(ctx, s.engine, image)
	if err != nil {
		return Plan{}, err
	}
	p.Missing = image.Layers[have:]
	ranges, bases := r.missing(have)
	for _, x := range ranges {
		p.Whole += x.Size()
	}
	r.moves.plan(ranges, s.plan(ctx, image.Repository, ranges, bases))
	p.Moves, p.Bytes = r.moves.list(image)
	p.EngineBytes = workload.Room(size(p.Missing))
	return p, nil
}
