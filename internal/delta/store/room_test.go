package store_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestRoomIsMadeOfWhatWasUsedLongestAgo(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1<<40)
	all := make([]layer, 4)
	var each int64
	for i := range all {
		all[i] = newLayer(t, uint64(i), 1<<20, "")
		add(t, s, all[i])
		info, err := os.Stat(s.Path(all[i].id))
		must(t, err, os.Chtimes(s.Path(all[i].id), time.Time{}, time.Unix(int64(i), 0)))
		each = max(each, info.Size())
	}
	there := func() (found []int) {
		for i, l := range all {
			if s.Has(l.id) {
				found = append(found, i)
			}
		}
		return found
	}
	left := func(doing string, want ...int) {
		t.Helper()
		if got := there(); !slices.Equal(got, want) {
			t.Errorf("%s: %v are left, want %v", doing, got, want)
		}
	}
	// It was used first, and is used again.
	if _, _, err := rebuild(t, s, all[0].id, 0, all[1]); err != nil {
		t.Fatal(err)
	}
	must(t, os.Chtimes(s.Path(all[1].id), time.Time{}, time.Unix(1, 0)))
	s.SetQuota(4*each + each/2)
	must(t, s.MakeRoom(each/2, anyone))
	left("it fits", 0, 1, 2, 3)
	must(t, s.MakeRoom(each, anyone))
	left("the oldest", 0, 2, 3)
	but := func(kept int) store.Turn {
		return func(d artifact.Digest) int {
			if d == all[kept].id {
				return 0
			}
			return 1
		}
	}
	err := s.MakeRoom(4*each, but(2))
	if fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(fault.HintOf(err), "deltaQuota") {
		t.Errorf("more than there can be: %v", err)
	}
	left("in vain", 0, 2, 3)
	must(t, s.MakeRoom(2*each, but(0)))
	left("but what is kept", 0, 3)
	s.SetQuota(1 << 40)
	add(t, s, all[2])
	later := time.Now().Add(time.Hour)
	must(t, os.Chtimes(s.Path(all[3].id), later, later))
	s.SetQuota(4*each + each/2)
	must(t, s.MakeRoom(2*each, func(d artifact.Digest) int {
		if d == all[3].id {
			return 2 // though it was used last
		}
		return 1
	}))
	left("by turn", 0, 2)
	stop := errors.New("stop")
	err = s.Encode(t.Context(), all[0].id, []artifact.Digest{all[2].id}, 0, func(delta.Batch) error {
		if err := s.MakeRoom(4*each, anyone); fault.ReasonOf(err) != fault.DiskFull {
			t.Errorf("while they are read: %v", err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	left("but what is read", 0, 2)
	s.SetQuota(each + each/2)
	s.Shed()
	left("a smaller quota", 2)
	s.SetReserve(1 << 60)
	s.Shed()
	left("a disk that is full")
}
