package line

import "time"

// queue is a direction of a link: packets leave at the rate, in turn, and arrive a fixed delay
// later. It does no I/O and has no clock.
type queue struct {
	delay time.Duration
	rate  float64 // bytes a second
	limit int     // bytes that may wait for the wire

	free    time.Time // when the wire has sent all that was taken
	packets []packet  // in order of arrival
}

type packet struct {
	due  time.Time
	data []byte
}

// push takes a packet, or drops it and returns false if the packets that wait for the wire leave no room.
func (q *queue) push(now time.Time, data []byte) bool {
	start := q.free
	if start.Before(now) {
		start = now
	}
	waiting := start.Sub(now).Seconds() * q.rate
	if int(waiting)+len(data) > q.limit {
		return false
	}
	q.free = start.Add(time.Duration(float64(len(data)) / q.rate * float64(time.Second)))
	q.packets = append(q.packets, packet{due: q.free.Add(q.delay), data: data})
	return true
}

// pop returns the packet that has arrived by now; if none has, how long the next takes, and 0 if there is none.
func (q *queue) pop(now time.Time) (data []byte, wait time.Duration) {
	if len(q.packets) == 0 {
		return nil, 0
	}
	first := q.packets[0]
	if first.due.After(now) {
		return nil, first.due.Sub(now)
	}
	q.packets[0] = packet{} // the array behind the slice must not hold it
	q.packets = q.packets[1:]
	return first.data, 0
}
