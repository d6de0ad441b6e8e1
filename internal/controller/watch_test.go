package controller

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestOneProcessWatches(t *testing.T) {
	t.Parallel()
	c := Config{State: t.TempDir() + "/state"}
	if watchHeld(c) {
		t.Error("nobody watches, and it is said that somebody does")
	}
	first := watchLock(c)
	if err := takeWatch(first); err != nil || !watchHeld(c) {
		t.Fatalf("%v, watched %t", err, watchHeld(c))
	}
	second := watchLock(c)
	if err := takeWatch(second); fault.ReasonOf(err) != fault.Locked {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Close(); err != nil || watchHeld(c) {
		t.Errorf("%v: it ended, and it is said to watch", err)
	}
	if err := takeWatch(second); err != nil {
		t.Error(err)
	}
	_ = second.Close()
}
