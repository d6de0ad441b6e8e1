package line

import (
	"encoding/binary"
	"testing"
	"time"
)

// segment is a packet of IPv4 and TCP without options.
func segment(payload int) []byte {
	p := make([]byte, 40+payload)
	p[0], p[9], p[32] = 4<<4|5, 6, 5<<4
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	return p
}

func TestPayloadIsWhatTCPCarries(t *testing.T) {
	withOptions := segment(112)
	withOptions[32] = 8 << 4
	udp := segment(100)
	udp[9] = 17
	v6 := segment(100)
	v6[0] = 6 << 4
	short := segment(100)[:30]
	liar := segment(100)
	liar[32] = 15 << 4
	empty := segment(0)
	empty[32] = 15 << 4
	for name, tc := range map[string]struct {
		packet []byte
		want   int64
	}{
		"plain": {segment(100), 100}, "an acknowledgement": {segment(0), 0}, "with options": {withOptions, 100},
		"UDP": {udp, 0}, "IPv6": {v6, 0}, "cut": {short, 0}, "nothing": {nil, 0}, "a long header": {liar, 60}, "a header beyond the end": {empty, 0},
	} {
		if got := payloadOf(tc.packet); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestTheRateIsThatOfTheBulk(t *testing.T) {
	var m meter
	now := time.Unix(1000, 0)
	m.add(now, segment(10)) // a question, long before
	began := now.Add(time.Minute)
	for i := range 101 {
		m.add(began.Add(time.Duration(i)*10*time.Millisecond), segment(1000))
	}
	m.add(began.Add(time.Minute), segment(100)) // a farewell
	course := m.since(began)
	if got := course[len(course)-1].Payload; got != 101_100 {
		t.Errorf("%d bytes since, want 101100", got)
	}
	if got := course.Rate(); got < 99_000 || got > 101_000 {
		t.Errorf("the rate is %.0f, want 100000", got)
	}
	if got := m.read(); got.Packets != 103 || got.Payload != 101_110 {
		t.Errorf("counted %+v", got)
	}
}

func TestAShortCourseHasNoRate(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, c := range []Course{nil, {{now, 5}}, {{now, 5}, {now.Add(grain), 10}}} {
		if got := c.Rate(); got != 0 {
			t.Errorf("%v has rate %f", c, got)
		}
	}
}
