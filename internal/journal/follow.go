package journal

import (
	"context"
	"time"
)

// lookEvery is the time between two looks at a file that grows.
const lookEvery = 200 * time.Millisecond

// Follow calls each with each line of a run, at once with those that are there and then with
// others as they are written, until the run has ended, was killed or the context ends. It
// returns the run as it is then; the context's cause if that ended first.
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
	for {
		held := busy(path) // before the look, in which the end of a run that ends meanwhile is seen
		if err := t.next(each); err != nil {
			return Run{}, j.unavailable(err)
		}
		if t.last.End != nil || !held || t.left <= 0 {
			return t.run(held)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			run, _ := t.run(held)
			return run, context.Cause(ctx)
		}
	}
}
