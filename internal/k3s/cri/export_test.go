package cri

import "time"

// SetLimits shortens what a test would wait for.
func (s *Store) SetLimits(silence, adoption time.Duration) { s.silence, s.adoption = silence, adoption }

// Dialled makes err what the last attempt to reach the socket gave.
func (s *Store) Dialled(err error) { s.dialled.Store(&err) }

// Unavailable returns the error of a call that did not reach containerd.
func (s *Store) Unavailable(err error) error { return s.unavailable(err, "ask") }
