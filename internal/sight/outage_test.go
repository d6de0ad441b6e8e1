package sight_test

import (
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
)

// The time from a look to the next belongs to the earlier of them.
func TestAnOutageGoesByLooks(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	see := func(up bool, seconds int) func(*sight.Outage) {
		return func(o *sight.Outage) { o.See(up, at(seconds)) }
	}
	replaced := func(seconds int) func(*sight.Outage) { return func(o *sight.Outage) { o.Replaced(at(seconds)) } }
	putBack := func(seconds int) func(*sight.Outage) { return func(o *sight.Outage) { o.PutBack(at(seconds)) } }
	for name, c := range map[string]struct {
		story []func(*sight.Outage)
		want  float64 // after 100 s
		down  time.Duration
	}{
		"nothing was seen":               {nil, 0, 0},
		"it never was down":              {[]func(*sight.Outage){see(true, 1), see(true, 9)}, 0, 0},
		"before the first look":          {[]func(*sight.Outage){see(false, 40), see(true, 50)}, 10, 0},
		"from the replacement":           {[]func(*sight.Outage){replaced(10), see(false, 12), see(true, 15), see(true, 20)}, 5, 0},
		"it is not up to the end":        {[]func(*sight.Outage){replaced(10), see(false, 12)}, 90, 90 * time.Second},
		"it goes down between":           {[]func(*sight.Outage){replaced(10), see(true, 11), see(false, 20), see(true, 22)}, 3, 0},
		"put back while it was well":     {[]func(*sight.Outage){replaced(10), see(true, 11), putBack(30), see(true, 34)}, 5, 0},
		"put back, and never replaced":   {[]func(*sight.Outage){see(true, 11), putBack(30), see(true, 34)}, 0, 0},
		"put back while it was not well": {[]func(*sight.Outage){replaced(10), see(false, 11), putBack(30), see(true, 34)}, 24, 0},
	} {
		var o sight.Outage
		for _, step := range c.story {
			step(&o)
		}
		if got := o.Seconds(at(100)); got != c.want {
			t.Errorf("%s: %v s, want %v", name, got, c.want)
		}
		if down, is := o.Down(at(100)); down != c.down || is != (c.down > 0) {
			t.Errorf("%s: down for %s, %t, want %s", name, down, is, c.down)
		}
	}
	var none *sight.Outage
	none.See(true, at(1))
	none.PutBack(at(2))
}
