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
	since    time.Time     // of the present outage
	total    time.Duration // of those before
	replaced bool
}

// See notes a look: whether the service answered as proven then.
func (o *Outage) See(up bool, at time.Time) {
	if o == nil {
		return
	}
	switch {
	case o.down && up:
		o.total += at.Sub(o.since)
	case !o.down:
		o.since = at
	}
	o.down = !up
}

// Down returns for how long the service has been down at a time, false when it is up.
func (o *Outage) Down(at time.Time) (time.Duration, bool) {
	if !o.down {
		return 0, false
	}
	return at.Sub(o.since), true
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
	now, _ := o.Down(until)
	return float64((o.total + now).Milliseconds()) / 1000
}
