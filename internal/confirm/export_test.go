package confirm

import "time"

// SetClock gives the target another wall clock.
func (t *Target[S]) SetClock(now func() time.Time) { t.now = now }
