// Package layers holds the blobs of layers on their way into an engine: a spool
// of files named by their digest, in which a blob is either partial, and can be
// continued where it ends, or whole, verified and durable. What a [Source] sends
// goes through [Receive], which takes only what was asked for, in order and
// without a gap; bytes reach the name of a whole blob by hashing to it and in no
// other way. A stream that ends early never looks complete.
//
// Beside it is a [Cache] of what blobs unpack to, by diff id: a layer that comes as a
// delta is rebuilt there, of the tars of earlier releases.
//
// No layer is ever in memory. One process at a time stages through a spool
// ([Spool.Lock]), and a kill at any instant loses at most the chunk in flight.
package layers

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
)

// Range is the rest of a layer's blob from Offset on, or of the unpacked layer.
type Range struct {
	Layer  artifact.Layer
	Offset int64
	// Delta allows the source to send a delta instead. It goes on from Rebuilt, which
	// is how many bytes of the unpacked layer the receiver has.
	Delta   bool
	Rebuilt int64
}

// Size is how many bytes of the blob are in it.
func (r Range) Size() int64 { return r.Layer.Size - r.Offset }

// Piece is what a [Source] sends of a layer: bytes of its blob as the registry stores
// it, or what makes bytes of the unpacked layer.
type Piece struct {
	// Digest is the blob's, with Delta too.
	Digest artifact.Digest
	// Offset is where in the blob Data belongs. Data, and what Delta holds, belong to the
	// sender again once the call that got them returns.
	Offset int64
	Data   []byte
	// Delta, unless nil, is sent instead of Data; Size is that of the whole unpacked layer,
	// in bytes. Its operations name the bases by their place in the request.
	Delta *delta.Batch
	Size  int64
	// Wire is how many bytes Data or the operations took on the wire.
	Wire int
}

// Source gives layers' bytes.
type Source interface {
	// Stream calls each with the pieces of the ranges, in their order and without a gap, from a
	// single goroutine. A range comes as bytes of the blob, or as deltas if it allows them and
	// there are bases: diff ids of unpacked layers that the receiver has, the best first, at
	// most [delta.MaxBases]. Stream returns nil only when it has sent everything; when each
	// returns an error it stops and returns an error that wraps it.
	Stream(ctx context.Context, repo artifact.Repository, ranges []Range, bases []artifact.Digest, each func(Piece) error) error
}

// Plan is how a range would cross.
type Plan struct {
	Digest artifact.Digest
	// Delta is whether a delta would be sent; Why is the reason if not, in words.
	Delta bool
	Why   string
	// Wire is how many bytes would be sent: of a delta the operations, counted; of a blob
	// what is left of it.
	Wire int64
	// Unpacked is how many bytes the whole unpacked layer has; 0 if the source does not know.
	Unpacked int64
}
