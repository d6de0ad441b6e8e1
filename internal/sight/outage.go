package sight

import "time"

// Outage adds up how long a service did not answer as proven while it was changed. It goes
// by the looks that a proof makes anyway: the time from a look to the next counts when the
// earlier of them did not find the service up. In Compose the service is down, too, from the
// moment at which its container is about to be replaced, or put back. What was not seen
// counts as the look before it, and before the first look nothing counts. The zero value is
// ready; a nil Outage counts nothing.
type Outage struct {
	down     bool
	since    time.Time
	total    time.Duration
	replaced bool
}

// See notes a look: whether the service answered as proven then.
func (o *Outage) See(up bool, at time.Time) {
	if o == nil {
		return
	}
	if o.down {
		o.total += at.Sub(o.since)
	}
	o.down, o.since = !up, at
}

// Replaced notes that what runs is about to be replaced.
func (o *Outage) Replaced(at time.Time) {
	o.See(false, at)
	o.replaced = true
}

// PutBack notes that what ran before is about to be put back. It does nothing if nothing
// was replaced.
func (o *Outage) PutBack(at time.Time) {
	if o != nil && o.replaced {
		o.See(false, at)
	}
}

// Seconds returns how long the service was down until a time, in milliseconds' precision.
func (o *Outage) Seconds(until time.Time) float64 {
	total := o.total
	if o.down {
		total += until.Sub(o.since)
	}
	return float64(total.Milliseconds()) / 1000
}
