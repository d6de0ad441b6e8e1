package workload

import "time"

// Tail selects the end of an instance's output.
type Tail struct {
	// Lines is the most lines that are returned; a host bounds the bytes besides.
	Lines int
	// After leaves out what was printed until then, by the host's clock. A host then stays
	// a moment behind its clock, so that the next Tail misses nothing. The zero value leaves
	// out nothing, [Always] neither, and has the host stay behind.
	After time.Time
}

// Always is before all output.
func Always() time.Time { return time.Unix(0, 1) }

// Output is the end of an instance's output.
type Output struct {
	Lines []string
	// Until is the moment that the lines end at, by the host's clock: as After of the next
	// Tail it continues them. It is the zero value if the host does not report it.
	Until time.Time
}
