package aligned

import (
	"encoding/binary"
	"errors"
)

// number returns the number that b begins with: of four bytes, or of as many as b has.
func number(b []byte) uint32 {
	if len(b) >= 4 {
		return binary.LittleEndian.Uint32(b)
	}
	var four [4]byte
	copy(four[:], b)
	return binary.LittleEndian.Uint32(four[:])
}

// ErrDifferences is returned for differences that no [Maker] makes.
var ErrDifferences = errors.New("differences that do not fit")

// Differences are those of a patch, while its runs are made in turn.
type Differences struct {
	gaps, values []byte
	count, at    int
	gap          uint64 // bytes of runs before the next
}

// NewDifferences returns count differences with their gaps and values, which it keeps.
func NewDifferences(count int, gaps, values []byte) (Differences, error) {
	if count < 0 || count > Most || len(values) != 4*count {
		return Differences{}, ErrDifferences
	}
	d := Differences{gaps: gaps, values: values, count: count}
	err := d.next()
	return d, err
}

// next reads the gap of the next difference.
func (d *Differences) next() error {
	if d.at == d.count {
		if len(d.gaps) > 0 {
			return ErrDifferences
		}
		return nil
	}
	gap, n := binary.Uvarint(d.gaps)
	if n <= 0 || gap > Most {
		return ErrDifferences
	}
	d.gap, d.gaps = gap, d.gaps[n:]
	return nil
}

// Left returns how many differences are not added yet.
func (d *Differences) Left() int { return d.count - d.at }

// Add makes old, the old bytes of the next run, the bytes of the target.
func (d *Differences) Add(old []byte) error {
	for d.Left() > 0 {
		if d.gap >= uint64(len(old)) {
			d.gap -= uint64(len(old))
			return nil
		}
		old = old[d.gap:]
		var four [4]byte
		sum := number(old)
		for k := range four {
			sum += uint32(d.values[k*d.count+d.at]) << (8 * k)
		}
		binary.LittleEndian.PutUint32(four[:], sum)
		old = old[copy(old, four[:]):]
		d.at++
		if err := d.next(); err != nil {
			return err
		}
	}
	return nil
}
