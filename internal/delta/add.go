package delta

import (
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/aligned"
)

// differ takes count differences, whose gaps are of a number of bytes.
func (r *run) differ(count, gaps uint64) error {
	if left := r.differences.Left(); r.text.bad || count == 0 || count > maxDiffer || gaps > maxDiffer || gaps+4*count > maxDiffer || left > 0 {
		return fmt.Errorf("%w: %d differences with %d bytes of gaps where %d are left", ErrCorrupt, count, gaps, left)
	}
	if r.values == nil {
		r.values = make([]byte, maxDiffer)
	}
	n := 0
	err := r.stream(int(gaps+4*count), func(p []byte) error {
		n += copy(r.values[n:], p)
		return nil
	})
	if err != nil {
		return err
	}
	r.differences, err = aligned.NewDifferences(int(count), r.values[:gaps], r.values[gaps:n])
	return refused(err)
}

// add makes bytes of a base and of the differences.
func (r *run) add(length uint64) error {
	n := r.small(length)
	base, offset, err := r.span(int64(n))
	if err != nil {
		return err
	}
	made := r.window[:n] // no group is being made
	if err := read(base.Bytes, made, offset); err != nil {
		return err
	}
	r.place.moved(offset + int64(n))
	if err := r.differences.Add(made); err != nil {
		return refused(err)
	}
	return r.write(made)
}

// refused returns err as that of a batch.
func refused(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}
