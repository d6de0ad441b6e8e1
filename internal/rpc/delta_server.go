package rpc

import (
	"bytes"
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/mem"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// Deltas makes unpacked layers out of others, all of which it keeps copies of. Layers are
// named by their diff ids.
type Deltas interface {
	// Size is how many bytes a layer has unpacked; false if there is no copy of it.
	Size(target artifact.Digest) (int64, bool)
	// Encode calls each with the batches that make the target from a byte on, in order and
	// without a gap. Batches name bases by their place; a base without a copy is passed
	// over. It is an error if there is no copy of the target or of any base. What a batch
	// holds is valid until each returns.
	Encode(ctx context.Context, target artifact.Digest, bases []artifact.Digest, from int64, each func(delta.Batch) error) error
}

const (
	// maxDeltas is how many deltas an agent makes at once, over all calls: each has
	// encoders and windows of its own. A stream holds its place while it sends a delta.
	// Others wait for patience at most and send the layer whole then.
	maxDeltas = 1
	// patience is how long a receiver hears nothing for the sake of a delta; it ends a
	// stream that is silent for a minute. What is not counted by then is estimated.
	patience = 20 * time.Second
	// maxHeld is how many bytes of operations are held back until it is known whether a
	// delta is worth sending. A delta of more is made twice: once to count it, once to
	// send it.
	maxHeld = 1 << 20
)

// worth is the most bytes that a delta may have: 60 % of what is left of the blob,
// because making and applying a delta costs time too. A blob that is stored as it unpacks
// crosses compressed, to some 40 %.
func (r layerRange) worth(squeeze bool) int64 {
	left := r.size - r.offset
	if squeeze && r.digest == r.diffID {
		left = left / 5 * 2
	}
	return left / 5 * 3
}

// weighed is a delta whose worth is known.
type weighed struct {
	size  int64 // of the unpacked layer; 0 if it is not known
	bytes int64 // of operations, in all
	// held are the first of them, up to the byte next of the unpacked layer.
	held []delta.Batch
	next int64
	// why is why no delta is sent, in words.
	why string
}

// The errors with which weigh ends the making of a delta.
var (
	errDear = errors.New("a delta has more than 60 % of the bytes of what is left of the blob")
	errLate = errors.New("there is no time to make a delta")
)

// weigh makes a delta to learn its size, and holds the first of it, at most so many bytes.
// At the deadline it goes by what was made until then. The error is only ever that ctx has
// ended.
func (s *imageServer) weigh(ctx context.Context, r layerRange, bases []artifact.Digest, squeeze bool, hold int64, deadline time.Time) (w weighed, err error) {
	if s.deltas == nil {
		return weighed{why: "the agent keeps no copies of layers"}, nil
	}
	if r.diffID.IsZero() {
		return weighed{why: "no delta was asked for"}, nil
	}
	size, ok := s.deltas.Size(r.diffID)
	if !ok {
		return weighed{why: "the agent has no copy of the layer"}, nil
	}
	w = weighed{size: size, next: r.rebuilt}
	switch {
	case len(bases) == 0:
		w.why = "the receiver has no layers to make it of"
	case r.rebuilt >= size:
		w.why = "the receiver has rebuilt all of it"
	}
	if w.why != "" {
		return w, nil
	}
	most, done := r.worth(squeeze), int64(0)
	err = s.deltas.Encode(ctx, r.diffID, bases, r.rebuilt, func(b delta.Batch) error {
		if w.bytes += int64(len(b.Ops)); w.bytes > most {
			return errDear
		}
		if done += b.Length; time.Now().After(deadline) {
			return errLate
		}
		if w.bytes <= hold {
			b.Ops = bytes.Clone(b.Ops)
			w.held, w.next = append(w.held, b), b.Offset+b.Length
		}
		return nil
	})
	if ctx.Err() != nil {
		return weighed{}, context.Cause(ctx)
	}
	if errors.Is(err, errLate) && done > 0 {
		w.bytes = int64(float64(w.bytes) / float64(done) * float64(size-r.rebuilt))
		if err = nil; w.bytes > most {
			err = errDear
		}
	}
	if err != nil {
		w.why = clip(plain.Text(err.Error()))
	}
	return w, nil
}

// sendDelta sends a layer as a delta, or nothing if a delta cannot be made or is not
// worth it.
func (s *imageServer) sendDelta(to outlet, r layerRange, bases []artifact.Digest, squeeze bool) (sent bool, err error) {
	if s.deltas == nil || r.diffID.IsZero() || len(bases) == 0 {
		return false, nil
	}
	ctx := to.Context()
	deadline := time.Now().Add(patience)
	leave, err := s.enter(ctx, deadline)
	if leave == nil {
		return false, err
	}
	defer leave()
	w, err := s.weigh(ctx, r, bases, squeeze, maxHeld, deadline)
	if err != nil || w.why != "" {
		return false, err
	}
	digest := r.digest.String()
	send := func(b delta.Batch, buf mem.Buffer) error {
		head := &deltaHead{offset: uint64(b.Offset), length: uint64(b.Length), size: uint64(w.size)}
		return put(to, &chunk{digest: digest, data: b.Ops, delta: head, buf: buf})
	}
	begin := func() error {
		sent = true
		for _, b := range w.held {
			if err := send(b, mem.SliceBuffer(b.Ops)); err != nil {
				return err
			}
		}
		w.held = nil
		return nil
	}
	if w.next == w.size {
		return true, begin()
	}
	// The held batches are sent when the rest begins to come: until then the blob can be sent.
	err = s.deltas.Encode(ctx, r.diffID, bases, w.next, func(b delta.Batch) error {
		if err := begin(); err != nil {
			return err
		}
		raw := s.pool.Get(len(b.Ops))
		copy(*raw, b.Ops)
		b.Ops = *raw
		w.next = b.Offset + b.Length
		return send(b, mem.NewBuffer(raw, s.pool))
	})
	switch {
	case ctx.Err() != nil:
		return true, context.Cause(ctx)
	case !sent:
		return false, nil
	case err != nil:
		// A copy that cannot be read is gone when the receiver asks again.
		return true, fault.Transient(fault.Internal, "the agent's copy of a layer: %w", err)
	case w.next != w.size:
		return true, fault.Transient(fault.Internal, "a delta ends at %d of %d bytes", w.next, w.size)
	}
	return true, nil
}

// enter waits for a turn to make a delta; leave ends the turn, and is nil if none comes
// before the deadline. The error is only ever that ctx has ended.
func (s *imageServer) enter(ctx context.Context, deadline time.Time) (leave func(), err error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case s.encoding <- struct{}{}:
		return func() { <-s.encoding }, nil
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// PlanTransfer implements the contract.
func (s *imageServer) PlanTransfer(ctx context.Context, req *artifactv1.PlanTransferRequest) (*artifactv1.PlanTransferResponse, error) {
	var f fields
	f.repository("repository", req.GetRepository())
	ranges, bases := f.ranges(req.GetRanges()), f.digests("bases", req.GetBases(), delta.MaxBases)
	if f.err != nil {
		return nil, f.err
	}
	deadline := time.Now().Add(patience)
	leave, err := s.enter(ctx, deadline)
	if err == nil && leave == nil {
		err = fault.Transient(fault.Busy, "%d deltas are being made already", maxDeltas)
	}
	if err != nil {
		return nil, err
	}
	defer leave()
	resp := &artifactv1.PlanTransferResponse{}
	for _, r := range ranges {
		w, err := s.weigh(ctx, r, bases, true, 0, deadline)
		if err != nil {
			return nil, err
		}
		m := &artifactv1.LayerPlan{Digest: r.digest.String(), Way: artifactv1.Way_WAY_DELTA, WireBytes: uint64(w.bytes), UnpackedSize: uint64(w.size), Why: w.why}
		if w.why != "" {
			m.Way, m.WireBytes = artifactv1.Way_WAY_WHOLE, uint64(r.size-r.offset)
		}
		resp.Layers = append(resp.Layers, m)
	}
	return resp, nil
}
