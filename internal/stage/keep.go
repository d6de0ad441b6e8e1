package stage

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// keeper unpacks what came whole into the cache, beside the stream and the loads: the next
// release is made of it. What it fails to keep crosses whole again, so a failure is no error.
type keeper struct {
	queue chan artifact.Layer
	known map[artifact.Digest]bool
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// newKeeper starts a keeper of at most n layers, which drops nothing that keep names. It calls
// spend with the time that each took.
func newKeeper(ctx context.Context, spool *layers.Spool, n int, keep func(artifact.Digest) bool, spend func(time.Duration)) *keeper {
	k := &keeper{queue: make(chan artifact.Layer, n), known: map[artifact.Digest]bool{}}
	ctx, k.stop = context.WithCancel(ctx)
	k.done.Go(func() {
		// The stream and the engine go first. The thread ends with this goroutine.
		runtime.LockOSThread()
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10)
		for l := range k.queue {
			began := time.Now()
			if ctx.Err() == nil {
				_ = spool.Keep(ctx, l, keep)
			}
			spend(time.Since(began))
		}
	})
	return k
}

// offer lets the keeper keep a layer whose blob is in the spool. Not safe for use by several
// goroutines.
func (k *keeper) offer(l artifact.Layer) {
	if !k.known[l.Digest] && len(k.queue) < cap(k.queue) {
		k.known[l.Digest] = true
		k.queue <- l
	}
}

// finish waits until all of it is kept.
func (k *keeper) finish() {
	close(k.queue)
	k.done.Wait()
	k.stop()
}

// abandon ends the keeper soon.
func (k *keeper) abandon() {
	k.stop()
	k.finish()
}
