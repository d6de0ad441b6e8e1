package rpc

import "google.golang.org/grpc/mem"

// bufferSize fits the message that a chunk of chunkSize makes.
const bufferSize = chunkSize + 1<<10

// freeList is a pool of buffers of a single size. gRPC's own has nothing between 32 KiB
// and 1 MiB, and a sync.Pool forgets at each collection: over gigabytes that makes
// garbage, and a peak of memory that grows with the layer.
type freeList chan *[]byte

var _ mem.BufferPool = freeList(nil)

func newFreeList() freeList { return make(freeList, 16) }

// Get returns a buffer of the length, an old buffer if it fits.
func (f freeList) Get(length int) *[]byte {
	if length > bufferSize { // a foreign peer's; the contract allows 1 MiB
		b := make([]byte, length)
		return &b
	}
	select {
	case b := <-f:
		*b = (*b)[:length]
		return b
	default:
		b := make([]byte, length, bufferSize)
		return &b
	}
}

// Put keeps a buffer, or leaves it to the collector when enough are kept.
func (f freeList) Put(b *[]byte) {
	if cap(*b) != bufferSize {
		return
	}
	select {
	case f <- b:
	default:
	}
}
