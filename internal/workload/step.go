package workload

import "errors"

// StepError is an error with the point that the run was on its way to.
type StepError struct {
	At  Point
	Err error
}

// Error implements error.
func (e *StepError) Error() string { return e.Err.Error() }

// Unwrap returns the error without its point.
func (e *StepError) Unwrap() error { return e.Err }

// At returns err with its point, or nil. A point that err has already stays.
func At(p Point, err error) error {
	if known := (*StepError)(nil); err == nil || errors.As(err, &known) {
		return err
	}
	return &StepError{p, err}
}

// PointOf returns the point of a step's error, the first point if nothing noted it.
func PointOf(err error) Point {
	if e := (*StepError)(nil); errors.As(err, &e) {
		return e.At
	}
	return PointGuard
}
