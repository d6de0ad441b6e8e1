package stage

import (
	"context"
	"errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Plan is what staging an image would do now.
type Plan struct {
	// Present says that the engine has the image: nothing is left to do but its tag.
	Present bool
	// Missing are the layers that the engine lacks, as far as its images tell.
	Missing []artifact.Layer
	// Bytes would cross; SpoolBytes of the missing layers are in the spool already.
	Bytes, SpoolBytes int64
	// SpoolFree is the room on the spool's disk, to hold Bytes in.
	SpoolFree int64
	// RootDir is the engine's folder and EngineBytes what it needs there, by
	// [workload.Room].
	RootDir     string
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
	p := Plan{RootDir: info.RootDir}
	if p.SpoolFree, err = s.spool.Free(); err != nil {
		return Plan{}, err
	}
	r := &run{Stager: s, image: image, info: info}
	got, err := s.engine.Image(ctx, info.Store.ID(image))
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return Plan{}, err
	}
	if p.Present = err == nil && got.Complete && r.same(got); p.Present {
		return p, nil
	}
	have, err := common(ctx, s.engine, image)
	if err != nil {
		return Plan{}, err
	}
	p.Missing = image.Layers[have:]
	for _, r := range s.spool.Missing(p.Missing) {
		p.Bytes += r.Size()
	}
	p.SpoolBytes = size(unique(p.Missing)) - p.Bytes
	p.EngineBytes = workload.Room(size(p.Missing))
	return p, nil
}

// unique are the layers with each blob once.
func unique(list []artifact.Layer) (out []artifact.Layer) {
	seen := map[artifact.Digest]bool{}
	for _, l := range list {
		if !seen[l.Digest] {
			out = append(out, l)
		}
		seen[l.Digest] = true
	}
	return out
}
