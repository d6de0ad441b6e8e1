// Package layers holds the blobs of layers on their way into an engine: a spool
// of files named by their digest, in which a blob is either partial, and can be
// continued where it ends, or whole, verified and durable. What a [Source] sends
// goes through [Receive], which takes only what was asked for, in order and
// without a gap; bytes reach the name of a whole blob by hashing to it and in no
// other way. A stream that ends early never looks complete.
//
// No layer is ever in memory. One process at a time stages through a spool
// ([Spool.Lock]), and a kill at any instant loses at most the chunk in flight.
package layers

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Range is the rest of a layer's blob from Offset on.
type Range struct {
	Layer  artifact.Layer
	Offset int64
}

// Size is how many bytes are in it.
func (r Range) Size() int64 { return r.Layer.Size - r.Offset }

// Chunk is a piece of a blob as the registry stores it.
type Chunk struct {
	Digest artifact.Digest
	Offset int64
	// Data belongs to the sender again once the call that it was passed to returns.
	Data []byte
}

// Source gives layers' bytes.
type Source interface {
	// Stream calls each with the bytes of the ranges, in their order, from one
	// goroutine. It returns nil only when it has sent everything; when each returns
	// an error it stops and returns an error that wraps it.
	Stream(ctx context.Context, repo artifact.Repository, ranges []Range, each func(Chunk) error) error
}
