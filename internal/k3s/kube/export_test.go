package kube

import "time"

// Pace shortens a cluster's waiting in tests.
func (c *Cluster) Pace(within, poll, backoff time.Duration) {
	c.within, c.poll, c.backoff = within, poll, backoff
}
