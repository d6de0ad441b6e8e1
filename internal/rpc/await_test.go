package rpc

import (
	"testing"
	"time"
)

// atMost is longer than any wait of a test whose program works, on a busy machine, too.
const atMost = 2 * time.Minute

// taken returns what comes over the channel. It fails the test if nothing does: without
// it the whole run would hang.
func taken[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(atMost):
		t.Fatalf("nothing came for %v", atMost)
	}
	return v
}

// given hands a value over. It fails the test if it is not taken.
func given[T any](t *testing.T, to chan<- T, v T) {
	t.Helper()
	select {
	case to <- v:
	case <-time.After(atMost):
		t.Fatalf("%v was not taken for %v", v, atMost)
	}
}

// counted waits until a count is what a test needs, and fails the test if it never is.
func counted(t *testing.T, count func() int64, want int64) {
	t.Helper()
	for end := time.Now().Add(atMost); count() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v it is %d, want %d", atMost, count(), want)
		}
	}
}
