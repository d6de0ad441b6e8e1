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
	stop, err := TakeWatch(c)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := WatchHeld(c); !held || err != nil {
		t.Errorf("one watches, and it is said that nobody does (%v)", err)
	}
	if _, err := TakeWatch(c); fault.ReasonOf(err) != fault.Locked {
		t.Errorf("a second one: %v", err)
	}
	stop()
	if held, err := WatchHeld(c); held || err != nil {
		t.Errorf("it ended, and it is said to watch (%v)", err)
	}
	if stop, err = TakeWatch(c); err != nil {
		t.Fatal(err)
	}
	stop()
}
