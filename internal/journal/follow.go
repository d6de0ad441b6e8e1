package journal

import (
	"context"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// lookEvery is the time between two looks at a file that grows.
const lookEvery = 200 * time.Millisecond

// Follow gives each line of a run to each, those that are there at once and the others as
// they are written, until the run has ended, was killed or the context ends. It returns the
// run as it is then; the context's cause if that ended first.
func (j *Journal) Follow(ctx context.Context, id string, each func(Line)) (Run, error) {
	path, err := j.find(id)
	if err != nil {
		return Run{}, err
	}
	t, err := j.open(path)
	if err != nil {
		return Run{}, err
	}
	defer t.close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var first, last Line
	for {
		held, err := statefile.Held(path) // before the look, in which the end of a run that ends meanwhile is seen
		held = held || err != nil
		err = t.next(func(l Line) {
			if first.Run == "" {
				first = l
			}
			last = l
			each(l)
		})
		if err != nil {
			return Run{}, j.unavailable(err)
		}
		switch {
		case last.End == nil && held && t.left > 0:
		case first.Run == "":
			return Run{}, t.nothing()
		default:
			return t.run(first, last, held), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return t.run(first, last, held), context.Cause(ctx)
		}
	}
}
