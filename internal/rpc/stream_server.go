package rpc

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/packed"
)

// layerRange is a Range, parsed.
type layerRange struct {
	digest       artifact.Digest
	size, offset int64
	// diffID is zero unless a delta is welcome.
	diffID  artifact.Digest
	rebuilt int64
}

func (f *fields) ranges(list []*artifactv1.Range) (ranges []layerRange) {
	if n := len(list); n < 1 || n > maxRanges {
		f.refuse("ranges", fmt.Sprintf("not 1 to %d of them", maxRanges))
		return nil
	}
	for _, m := range list {
		r := layerRange{
			digest: f.digest("ranges.digest", m.GetDigest()), size: f.size("ranges.size", m.GetSize(), maxSize), offset: f.size("ranges.offset", m.GetOffset(), maxSize),
			diffID: f.optionalDigest("ranges.diff_id", m.GetDiffId()), rebuilt: f.size("ranges.rebuilt", m.GetRebuilt(), maxSize),
		}
		if r.offset >= r.size {
			f.refuse("ranges.offset", "not within the size")
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// digests parses each entry; none is nil.
func (f *fields) digests(field string, in []string, most int) (out []artifact.Digest) {
	f.few(field, len(in), most)
	for _, s := range in {
		if f.err != nil {
			return nil
		}
		out = append(out, f.digest(field, s))
	}
	return out
}

// Stream implements the contract.
func (s *imageServer) Stream(req *artifactv1.StreamRequest, stream grpc.ServerStreamingServer[artifactv1.StreamResponse]) error {
	if req.GetStripe().GetIndex() > 0 {
		return s.stripes.join(req, stream)
	}
	var f fields
	repo, ranges := f.repository("repository", req.GetRepository()), f.ranges(req.GetRanges())
	bases := f.digests("bases", req.GetBases(), delta.MaxBases)
	key := f.optional("stripe.key", stripeKey, req.GetStripe().GetKey())
	if f.err != nil {
		return f.err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return fault.Transient(fault.Busy, "%d streams are under way already", maxStreams)
	}
	// The headers show the receiver how long a round trip is.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	send := func(out outlet) error { return s.sendAll(out, repo, ranges, bases, req.GetZstd()) }
	if key == "" {
		return send(stream)
	}
	return s.stripes.begin(key, repo, stream, send)
}

func (s *imageServer) sendAll(to outlet, repo artifact.Repository, ranges []layerRange, bases []artifact.Digest, squeeze bool) error {
	for _, r := range ranges {
		sent, err := s.sendDelta(to, r, bases, squeeze)
		if err == nil && !sent {
			err = s.send(to, repo, r, squeeze)
		}
		if err != nil {
			return fmt.Errorf("stream %s of %s: %w", r.digest, repo, err)
		}
	}
	return nil
}

// outlet takes the messages of a Stream.
type outlet interface {
	Context() context.Context
	// SendMsg keeps a reference of its own to a chunk's buffer.
	SendMsg(m any) error
}

// put sends a chunk and frees it.
func put(to outlet, c *chunk) error {
	defer c.free()
	return to.SendMsg(c)
}

// send reads a blob from its start and sends it from the range's offset on. What is not
// compressed crosses compressed if squeeze allows it.
func (s *imageServer) send(to outlet, repo artifact.Repository, r layerRange, squeeze bool) error {
	blob, err := s.images.Blob(to.Context(), repo, r.digest, r.size)
	if err != nil {
		return err
	}
	defer blob.Close()
	in := &beginning{Reader: blob}
	if err := s.skip(in, r.offset); err != nil {
		return err
	}
	digest := r.digest.String()
	for at := r.offset; at < r.size; {
		raw := s.pool.Get(int(min(chunkSize, r.size-at)))
		// Only whole chunks are sent: an error in mid-chunk, a wrong digest at the end
		// among them, keeps back what was read with it.
		n, err := io.ReadFull(in, *raw)
		if err != nil {
			s.pool.Put(raw)
			// Only a bare end is the blob's. A registry that goes away in mid-blob is a fault
			// with such an end as its cause, and is not wrong data.
			if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // see above
				err = fault.New(fault.DigestMismatch, "blob ends at %d of %d bytes", at+int64(n), r.size)
			}
			return err
		}
		c := chunk{digest: digest, offset: uint64(at), data: *raw, buf: mem.NewBuffer(raw, s.pool)}
		if squeeze && packed.Of(in.head) == packed.Plain {
			s.squeezer.squeeze(&c)
		}
		if err := put(to, &c); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// skip reads over what the receiver has already: it is still hashed.
func (s *imageServer) skip(r io.Reader, n int64) error {
	raw := s.pool.Get(chunkSize)
	defer s.pool.Put(raw)
	for n > 0 {
		m, err := r.Read((*raw)[:min(n, chunkSize)])
		n -= int64(m)
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// beginning keeps the first bytes of what is read.
type beginning struct {
	io.Reader
	head []byte
}

// Read implements [io.Reader].
func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if more := packed.Magic - len(b.head); more > 0 {
		b.head = append(b.head, p[:min(n, more)]...)
	}
	return n, err
}
