package cri

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"strconv"
	"time"

	"github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/api/services/snapshots/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// What a failed write leaves on the disk is removed a moment later, so the disk is
// looked at more often than containerd is asked.
const (
	diskPause  = 50 * time.Millisecond
	signsPause = time.Second
)

// watch looks at containerd while it pulls: CRI reports nothing before the end.
// It ends the context with IMAGE_UNAVAILABLE, retryable, as its cause if nothing moves
// for as long as the store's limit on silence. stop ends it, and returns the least room
// that it saw.
//
// Another pull of the same containerd counts as movement.
func (s *Store) watch(ctx context.Context, snapshotter string, room Room) (watched context.Context, stop func() (least int64)) {
	watched, cancel := context.WithCancelCause(ctx)
	lows := make(chan int64, 1)
	go func() {
		tick := time.NewTicker(diskPause)
		defer tick.Stop()
		least, last, moved, asked := room.Free, uint64(0), time.Now(), time.Now()
		for {
			select {
			case <-watched.Done():
				lows <- least
				return
			case <-tick.C:
			}
			if free, err := statefile.Free(room.Dir); err == nil {
				least = min(least, free)
			}
			if time.Since(asked) < min(signsPause, s.silence/10) {
				continue
			}
			signs, err := s.signs(watched, snapshotter)
			asked = time.Now()
			if err == nil && signs != last {
				last, moved = signs, time.Now()
			}
			if time.Since(moved) > s.silence {
				cancel(fault.Transient(fault.ImageUnavailable, "no byte came and no layer was unpacked for %v", s.silence).
					WithHint("see whether the registry at %s answers", s.registry).WithAction(fault.RegistryHealth))
			}
		}
	}()
	return watched, func() int64 {
		cancel(nil)
		least := <-lows
		if free, err := statefile.Free(room.Dir); err == nil {
			least = min(least, free)
		}
		return least
	}
}

// signs is a number that changes with each byte that is fetched and each layer whose
// unpacking begins or ends.
func (s *Store) signs(ctx context.Context, snapshotter string) (sum uint64, err error) {
	ctx, cancel := short(ctx)
	defer cancel()
	add := func(text string) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(text))
		sum += h.Sum64()
	}
	writes, err := s.content.ListStatuses(ctx, &content.ListStatusesRequest{})
	if err != nil {
		return 0, err
	}
	for _, w := range writes.Statuses {
		add(w.Ref + " " + strconv.FormatInt(w.Offset, 10))
	}
	list, err := s.snapshots.List(ctx, &snapshots.ListSnapshotsRequest{Snapshotter: snapshotter, Filters: []string{"kind==active"}})
	for err == nil {
		var part *snapshots.ListSnapshotsResponse
		if part, err = list.Recv(); err == nil {
			for _, info := range part.Info {
				add(info.Name)
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return 0, err
	}
	return sum, nil
}
