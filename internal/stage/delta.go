package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Why a layer is not asked for as a delta.
const (
	whyStore  = "the engine's store takes only the blob itself, and the registry has it compressed"
	whyBase   = "no layer is kept that it could be made of"
	whyFailed = "a delta of it failed"
	whyAgent  = "deltas failed"
)

// takesTar reports whether the engine takes what the layer unpacks to instead of its blob:
// the classic store looks at the content, containerd's knows a layer by its blob's digest.
func (r *run) takesTar(l artifact.Layer) bool {
	return r.info.Store == engine.Classic || l.Digest == l.DiffID
}

// here reports whether the layer is whole in the spool, or in the cache in a form that the
// engine takes.
func (r *run) here(l artifact.Layer) bool {
	if r.spool.Has(l.Digest) {
		return true
	}
	_, ok := r.spool.Cache.Size(l.DiffID)
	return ok && r.takesTar(l)
}

// missing returns the ranges to ask for, of the layers after the first from, and the diff
// ids of the bases for those that may come as deltas. It notes why others may not.
func (r *run) missing(from int) (ranges []layers.Range, bases []artifact.Digest) {
	var lacking []artifact.Layer
	for _, l := range r.image.Layers[from:] {
		if !r.here(l) {
			lacking = append(lacking, l)
		}
		r.moves.ask(l, "")
	}
	ranges = r.spool.Missing(lacking)
	var wanted []layers.Wanted
	for i := range ranges {
		l := ranges[i].Layer
		why := r.whole[l.Digest]
		switch {
		case why != "":
		case !r.takesTar(l):
			why = whyStore
		case r.noDelta:
			why = whyAgent
		default:
			ranges[i].Delta, ranges[i].Rebuilt = true, r.spool.Cache.Rebuilt(l.DiffID)
			wanted = append(wanted, layers.Wanted{Position: slices.IndexFunc(r.image.Layers, func(x artifact.Layer) bool { return x.Digest == l.Digest }), DiffID: l.DiffID})
		}
		r.moves.ask(l, why)
	}
	bases = r.spool.Cache.Bases(r.image.Repository, wanted)
	if len(bases) > 0 {
		return ranges, bases
	}
	for i := range ranges {
		if ranges[i].Delta {
			ranges[i].Delta = false
			r.moves.ask(ranges[i].Layer, whyBase)
		}
	}
	return ranges, nil
}

// roomToRebuild makes room in the cache for what the load needs.
func (r *run) roomToRebuild(_ context.Context, _ artifact.Layer, need int64) error {
	return r.spool.Cache.MakeRoom(need, r.keep)
}

// fallBack reports whether another attempt must follow a failed one and ask for whole
// layers, or for more whole layers. That is seldom: a base has rotted, the agent's copy
// is damaged, the disk has no room for what is unpacked.
func (r *run) fallBack(ctx context.Context, err error, came bool) bool {
	if rebuild := (*layers.RebuildError)(nil); errors.As(err, &rebuild) {
		l := rebuild.Layer
		if r.whole[l.Digest] != "" {
			return false
		}
		r.whole[l.Digest] = whyFailed
		r.progress.warn(fmt.Sprintf("layer %s is asked for whole: %v", workload.ShortID(l.Digest.String()), err))
		if fault.ReasonOf(err) != fault.DiskFull {
			r.dropRotten(ctx)
		}
		return true
	}
	load := (*loadError)(nil)
	if !r.asked || r.noDelta || errors.As(err, &load) {
		return false
	}
	if came {
		r.silent = 0
	} else {
		r.silent++
	}
	if fault.Retryable(err) && r.silent < 2 {
		return false
	}
	r.noDelta = true
	r.progress.warn(fmt.Sprintf("layers are asked for whole: %v", err))
	return true
}

// dropRotten verifies the bases of the attempt, of which at least the good ones stay.
func (r *run) dropRotten(ctx context.Context) {
	for _, d := range r.bases {
		if ctx.Err() == nil {
			_ = r.spool.Cache.Verify(d)
		}
	}
}

// Planner is a [layers.Source] that knows what ranges would cost.
type Planner interface {
	// Plan returns how each of the ranges would cross with these bases.
	Plan(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest) ([]layers.Plan, error)
}

// plan returns the plans of the source; nil if it makes none, for then layers cross whole.
func (s *Stager) plan(ctx context.Context, repo artifact.Repository, ranges []layers.Range, bases []artifact.Digest) []layers.Plan {
	planner, ok := s.source.(Planner)
	if !ok || len(bases) == 0 {
		return nil
	}
	plans, err := planner.Plan(ctx, repo, ranges, bases)
	if err != nil {
		return nil
	}
	return plans
}

// offer lets the keeper unpack a blob of the spool, if a later layer may be made of it.
// What is not compressed moves to the cache when it is loaded.
func (r *run) offer(l artifact.Layer) {
	if r.info.Store == engine.Classic && l.Digest != l.DiffID && r.spool.Has(l.Digest) {
		r.keeper.offer(l)
	}
}

// remember records what was staged, for the next release.
func (r *run) remember() {
	_ = r.spool.Cache.Remember(r.image.Repository, diffIDs(r.image), time.Now())
	r.spool.Cache.Trim()
}
