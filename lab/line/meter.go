package line

import (
	"encoding/binary"
	"sync"
	"time"
)

// Count is what crossed in a direction.
type Count struct {
	Packets int64
	// Bytes are those of the packets, with the headers of IP and TCP.
	Bytes int64
	// Payload is what TCP carried in them: what is sent again counts again.
	Payload int64
	// Dropped are packets for which the queue had no room.
	Dropped int64
}

func (c Count) sub(b Count) Count {
	return Count{c.Packets - b.Packets, c.Bytes - b.Bytes, c.Payload - b.Payload, c.Dropped - b.Dropped}
}

// grain is how exact a course is.
const grain = 10 * time.Millisecond

// meter counts a direction, and remembers how the payload grew: 16 bytes for each grain in which something crossed.
type meter struct {
	mu     sync.Mutex
	count  Count
	course Course
}

// Point is how much payload had crossed when.
type Point struct {
	At      time.Time
	Payload int64
}

// Course is how payload grew, in order of time.
type Course []Point

func (m *meter) add(now time.Time, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count.Packets++
	m.count.Bytes += int64(len(data))
	payload := payloadOf(data)
	if payload == 0 {
		return
	}
	m.count.Payload += payload
	if n := len(m.course); n > 0 && now.Sub(m.course[n-1].At) < grain {
		m.course[n-1].Payload = m.count.Payload
		return
	}
	m.course = append(m.course, Point{now, m.count.Payload})
}

func (m *meter) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count.Dropped++
}

func (m *meter) read() Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

func (m *meter) since(began time.Time) Course {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := len(m.course)
	for first > 0 && !m.course[first-1].At.Before(began) {
		first--
	}
	base := int64(0)
	if first > 0 {
		base = m.course[first-1].Payload
	}
	course := make(Course, 0, len(m.course)-first)
	for _, p := range m.course[first:] {
		course = append(course, Point{p.At, p.Payload - base})
	}
	return course
}

// Rate is bytes a second of the bulk: from when a hundredth had crossed until all but a hundredth had, so that what is asked
// before and confirmed afterwards does not count. It is 0 for a course that is too short to have a rate.
func (c Course) Rate() float64 {
	if len(c) == 0 {
		return 0
	}
	all := c[len(c)-1].Payload
	var first, last Point
	for _, p := range c {
		if first.At.IsZero() && p.Payload >= all/100 {
			first = p
		}
		if p.Payload >= all-all/100 {
			last = p
			break
		}
	}
	took := last.At.Sub(first.At).Seconds()
	if took < 2*grain.Seconds() {
		return 0
	}
	return float64(last.Payload-first.Payload) / took
}

// payloadOf is what TCP carries in an IPv4 packet; 0 for any other packet.
func payloadOf(p []byte) int64 {
	const tcp = 6
	if len(p) < 20 || p[0]>>4 != 4 || p[9] != tcp {
		return 0
	}
	header := int(p[0]&15) * 4
	if header < 20 || len(p) < header+20 {
		return 0
	}
	total := int(binary.BigEndian.Uint16(p[2:]))
	payload := min(total, len(p)) - header - int(p[header+12]>>4)*4
	return int64(max(payload, 0))
}
