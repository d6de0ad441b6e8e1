package journal

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// mirrorEvery is the time between two looks for a run that began.
const mirrorEvery = time.Second / 2

// Mirror copies the newest runs to another journal, at most so many, until ctx ends: those that
// go on line by line, as they are written. It first removes what the other journal holds, and
// nothing else may write there. It calls changed after a run has begun or has come to its end,
// and trouble with each error.
func (j *Journal) Mirror(ctx context.Context, to *Journal, newest int, changed func(), trouble func(error)) {
	if err := os.RemoveAll(to.dir); err != nil {
		trouble(to.unavailable(err))
	}
	tick := time.NewTicker(mirrorEvery)
	defer tick.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	known := map[string]bool{}
	for {
		there := map[string]bool{}
		runs, err := j.Runs(Query{Newest: newest, Skip: func(id string) bool {
			there[id] = true
			return known[id]
		}})
		if err != nil {
			trouble(err)
		}
		for _, run := range slices.Backward(runs) {
			known[run.ID] = true
			if run.State == Running {
				running.Go(func() {
					j.copy(ctx, to, run.ID, trouble)
					changed()
				})
			} else {
				j.copy(ctx, to, run.ID, trouble)
			}
			changed()
		}
		for id := range known {
			if !there[id] {
				delete(known, id) // it is none of the newest any more
			}
		}
		to.keep(newest)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// copy copies a run, until it ends.
func (j *Journal) copy(ctx context.Context, to *Journal, id string, trouble func(error)) {
	w := to.Writer(trouble)
	defer w.Close()
	if _, err := j.Follow(ctx, id, w.Append); err != nil && ctx.Err() == nil {
		trouble(err)
	}
}

// keep removes all but the newest runs.
func (j *Journal) keep(newest int) {
	paths := j.paths(0, "")
	slices.SortFunc(paths, newestFirst)
	for _, path := range paths[min(newest, len(paths)):] {
		_ = statefile.Remove(path)
	}
}
