package site

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestOneProcessWatches(t *testing.T) {
	t.Parallel()
	c := Config{State: t.TempDir() + "/state"}
	if held, err := WatchHeld(c); held || err != nil {
		t.Errorf("nobody watches, and it is said that somebody does (%v)", err)
	}
	first := WatchLock(c)
	if err := TakeWatch(first); err != nil {
		t.Fatal(err)
	}
	if held, err := WatchHeld(c); !held || err != nil {
		t.Errorf("one watches, and it is said that nobody does (%v)", err)
	}
	second := WatchLock(c)
	if err := TakeWatch(second); fault.ReasonOf(err) != fault.Locked {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err := WatchHeld(c); held || err != nil {
		t.Errorf("it ended, and it is said to watch (%v)", err)
	}
	if err := TakeWatch(second); err != nil {
		t.Error(err)
	}
	_ = second.Close()
}
