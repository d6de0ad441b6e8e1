package line

import (
	"testing"
	"time"
)

// drain returns when each packet that is in the queue arrives, by a clock that jumps.
func drain(q *queue, now time.Time) (arrived []time.Duration) {
	start := now
	for {
		data, wait := q.pop(now)
		switch {
		case data != nil:
			arrived = append(arrived, now.Sub(start))
		case wait > 0:
			now = now.Add(wait)
		default:
			return arrived
		}
	}
}

func TestPacketsArriveAtTheRateAfterTheDelay(t *testing.T) {
	now := time.Unix(1000, 0)
	q := &queue{delay: 50 * time.Millisecond, rate: 1e6, limit: 10_000}
	for range 3 {
		if !q.push(now, make([]byte, 1000)) {
			t.Fatal("a packet was dropped though there was room")
		}
	}
	got := drain(q, now)
	want := []time.Duration{51 * time.Millisecond, 52 * time.Millisecond, 53 * time.Millisecond}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("packets arrive after %v, want %v", got, want)
	}
}

func TestAnIdleWireSendsAtOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	q := &queue{delay: 50 * time.Millisecond, rate: 1e6, limit: 10_000}
	q.push(now, make([]byte, 1000))
	later := now.Add(time.Second)
	q.push(later, make([]byte, 1000))
	if _, wait := q.pop(now.Add(51 * time.Millisecond)); wait != 0 {
		t.Errorf("the first takes %s longer", wait)
	}
	if data, wait := q.pop(later); data != nil || wait != 51*time.Millisecond {
		t.Errorf("the second takes %s, want 51ms", wait)
	}
}

func TestAFullQueueDropsAndHasRoomAgain(t *testing.T) {
	now := time.Unix(1000, 0)
	q := &queue{delay: time.Hour, rate: 1e6, limit: 2500}
	for i, want := range []bool{true, true, false} {
		if got := q.push(now, make([]byte, 1000)); got != want {
			t.Fatalf("packet %d is taken: %t, want %t", i, got, want)
		}
	}
	// What is on its way does not wait for the wire.
	if !q.push(now.Add(time.Millisecond), make([]byte, 1000)) {
		t.Error("the wire has sent a packet, and the queue has no room")
	}
}
