package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

func all(img artifact.Image) (r []layers.Range) {
	for _, l := range img.Layers {
		r = append(r, layers.Range{Layer: l})
	}
	return r
}

func TestRangesCrossWholeInOrderFromTheirOffset(t *testing.T) {
	t.Parallel()
	f := newImages(1, chunkSize-1, chunkSize, chunkSize+1, 3*chunkSize+5)
	c := serveImages(t, f).dial(t, Options{})
	for _, back := range []int64{1, 2, chunkSize, 1 << 40} {
		var ranges []layers.Range
		var want bytes.Buffer
		for _, l := range f.image.Layers {
			offset := max(0, l.Size-back)
			ranges = append(ranges, layers.Range{Layer: l, Offset: offset})
			want.Write(f.blobs[l.Digest][offset:])
		}
		var got bytes.Buffer
		if err := c.Stream(t.Context(), repo(), ranges, nil, func(c layers.Piece) error {
			if !bytes.Equal(f.blobs[c.Digest][c.Offset:][:len(c.Data)], c.Data) {
				t.Errorf("chunk of %s at %d has other bytes", c.Digest, c.Offset)
			}
			got.Write(c.Data)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Errorf("the last %d of each: %d bytes of %d", back, got.Len(), want.Len())
		}
	}
	if err := c.Stream(t.Context(), repo(), nil, nil, nil); err != nil {
		t.Errorf("nothing wanted: %v", err)
	}
}

func TestAStreamThatIsNotWhatWasAskedForIsAnError(t *testing.T) {
	t.Parallel()
	f := newImages(10, 20)
	a, b := f.image.Layers[0].Digest.String(), f.image.Layers[1].Digest.String()
	type chunks = []*artifactv1.StreamResponse
	chunk := func(d string, offset uint64, n int) *artifactv1.StreamResponse {
		return &artifactv1.StreamResponse{Digest: d, Offset: offset, Data: make([]byte, n)}
	}
	for name, c := range map[string]struct {
		chunks chunks
		want   fault.Reason
		retry  bool
		passed int
	}{
		"nothing":           {nil, fault.HostUnreachable, true, 0},
		"an early end":      {chunks{chunk(a, 0, 10), chunk(b, 0, 19)}, fault.HostUnreachable, true, 2},
		"a missing layer":   {chunks{chunk(a, 0, 10)}, fault.HostUnreachable, true, 1},
		"a gap":             {chunks{chunk(a, 0, 5), chunk(a, 6, 4)}, fault.Internal, false, 1},
		"a repetition":      {chunks{chunk(a, 0, 5), chunk(a, 0, 5)}, fault.Internal, false, 1},
		"another order":     {chunks{chunk(b, 0, 20), chunk(a, 0, 10)}, fault.Internal, false, 0},
		"a byte too many":   {chunks{chunk(a, 0, 11)}, fault.Internal, false, 0},
		"an empty chunk":    {chunks{chunk(a, 0, 0)}, fault.Internal, false, 0},
		"more than all":     {chunks{chunk(a, 0, 10), chunk(b, 0, 20), chunk(b, 0, 20)}, fault.Internal, false, 2},
		"a chunk too large": {chunks{chunk(a, 0, maxChunk+2<<10)}, fault.Busy, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passed := 0
			err := serveLiar(t, &liar{chunks: c.chunks}).dial(t, Options{}).
				Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { passed++; return nil })
			wantReason(t, err, c.want, c.retry)
			if passed != c.passed {
				t.Errorf("%d chunks were handed on, want %d", passed, c.passed)
			}
		})
	}
}

func TestAWrongBlobsLastChunkIsNotSent(t *testing.T) {
	t.Parallel()
	f := newImages(2*chunkSize + 100)
	f.open = func(_ context.Context, d artifact.Digest, r io.Reader) io.Reader {
		// As pull's reader does: all but the end, then the verdict.
		return io.MultiReader(io.LimitReader(r, 2*chunkSize+99), failing{fault.New(fault.DigestMismatch, "blob %s is wrong", d)})
	}
	var got int64
	err := serveImages(t, f).dial(t, Options{}).Stream(t.Context(), repo(), all(f.image), nil, func(c layers.Piece) error {
		got += int64(len(c.Data))
		return nil
	})
	wantReason(t, err, fault.DigestMismatch, false)
	if got != 2*chunkSize {
		t.Errorf("%d bytes came", got)
	}
	// A registry that goes away is not a wrong blob, though an end of input is its cause.
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF} {
		f.open = func(_ context.Context, _ artifact.Digest, r io.Reader) io.Reader {
			return io.MultiReader(io.LimitReader(r, 10), failing{fault.Transient(fault.RegistryUnavailable, "broke off: %w", end)})
		}
		err = serveImages(t, f).dial(t, Options{}).Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil })
		wantReason(t, err, fault.RegistryUnavailable, true)
	}
	f.open = func(_ context.Context, _ artifact.Digest, r io.Reader) io.Reader { return io.LimitReader(r, 10) }
	err = serveImages(t, f).dial(t, Options{}).Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil })
	wantReason(t, err, fault.DigestMismatch, false)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestTheReceiversErrorEndsTheStream(t *testing.T) {
	t.Parallel()
	f := newImages(20 * chunkSize)
	ended := make(chan struct{})
	f.open = func(ctx context.Context, _ artifact.Digest, r io.Reader) io.Reader {
		context.AfterFunc(ctx, func() { close(ended) })
		return r
	}
	mine := errors.New("disk full")
	err := serveImages(t, f).dial(t, Options{}).Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return mine })
	if !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	<-ended
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	f := newImages(10)
	c := serveImages(t, f).dial(t, Options{})
	l := f.image.Layers[0]
	many := make([]layers.Range, maxRanges+1)
	for i := range many {
		many[i].Layer = l
	}
	for name, ranges := range map[string][]layers.Range{
		"an offset at the end":    {{Layer: l, Offset: 10}},
		"an offset past the end":  {{Layer: l, Offset: 11}},
		"a negative offset":       {{Layer: l, Offset: -1}},
		"no size":                 {{Layer: artifact.Layer{Digest: l.Digest}}},
		"a size beyond all sizes": {{Layer: artifact.Layer{Digest: l.Digest, Size: 1 << 60}}},
		"no digest":               {{Layer: artifact.Layer{Size: 1}}},
		"too many":                many,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantReason(t, c.Stream(t.Context(), repo(), ranges, nil, nil), fault.InvalidRequest, false)
		})
	}
	for name, call := range map[string]func() error{
		"no repository": func() error { _, _, err := c.List(t.Context(), artifact.Repository{}, 0, ""); return err },
		"a page token":  func() error { _, _, err := c.List(t.Context(), repo(), 0, strings.Repeat("x", 129)); return err },
		"half a platform": func() error {
			_, err := c.Resolve(t.Context(), repo(), commit(), artifact.Platform{OS: "linux"})
			return err
		},
		"nothing to stream": func() error { return c.Stream(t.Context(), artifact.Repository{}, all(f.image), nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantReason(t, call(), fault.InvalidRequest, false)
		})
	}
	_, err := c.Resolve(t.Context(), repo(), artifact.Commit{}, linux)
	wantReason(t, err, fault.CommitNotPinned, false)
}

func TestTooManyStreamsAtOnceAreRefusedForNow(t *testing.T) {
	t.Parallel()
	f := newImages(10)
	var opened atomic.Int64
	release := make(chan struct{})
	f.open = func(ctx context.Context, _ artifact.Digest, r io.Reader) io.Reader {
		opened.Add(1)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return r
	}
	c := serveImages(t, f).dial(t, Options{})
	var wg sync.WaitGroup
	for range maxStreams {
		wg.Go(func() {
			if err := c.Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for opened.Load() < maxStreams {
		time.Sleep(time.Millisecond)
	}
	wantReason(t, c.Stream(t.Context(), repo(), all(f.image), nil, nil), fault.Busy, true)
	close(release)
	wg.Wait()
	if err := c.Stream(t.Context(), repo(), all(f.image), nil, func(layers.Piece) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestARefusalNamesTheField(t *testing.T) {
	t.Parallel()
	f := newImages(10)
	images := serveImages(t, f).dial(t, Options{}).images
	registries := serveRegistry(t, &fakeRegistry{}).dial(t, Options{}).registry
	good, settings := repo().String(), settingsToProto(wanted())
	settings.Endpoint = "secret"
	stream := func(r *artifactv1.Range) error {
		s, err := images.Stream(t.Context(), &artifactv1.StreamRequest{Repository: good, Ranges: []*artifactv1.Range{r}})
		if err == nil {
			_, err = s.Recv()
		}
		return err
	}
	digest := artifact.DigestOf(nil).String()
	for field, call := range map[string]func() error{
		"repository: ": func() error {
			_, err := images.List(t.Context(), &artifactv1.ListRequest{Repository: "../secret"})
			return err
		},
		"page_token: ": func() error {
			_, err := images.List(t.Context(), &artifactv1.ListRequest{Repository: good, PageToken: "/secret"})
			return err
		},
		"platform: ": func() error {
			_, err := images.Resolve(t.Context(), &artifactv1.ResolveRequest{Repository: good, Commit: commit().String(), Platform: &artifactv1.Platform{Os: "secret"}})
			return err
		},
		"ranges.digest: ":  func() error { return stream(&artifactv1.Range{Digest: "secret", Size: 1}) },
		"ranges.size: ":    func() error { return stream(&artifactv1.Range{Digest: digest, Size: 1<<50 + 1}) },
		"ranges.diff_id: ": func() error { return stream(&artifactv1.Range{Digest: digest, Size: 1, DiffId: "secret"}) },
		"ranges.rebuilt: ": func() error {
			return stream(&artifactv1.Range{Digest: digest, Size: 1, DiffId: digest, Rebuilt: 1<<63 + 1})
		},
		"bases: ": func() error {
			_, err := images.PlanTransfer(t.Context(), &artifactv1.PlanTransferRequest{
				Repository: good, Ranges: []*artifactv1.Range{{Digest: digest, Size: 1}}, Bases: slices.Repeat([]string{digest}, delta.MaxBases+1),
			})
			return err
		},
		"ranges.offset: ": func() error { return stream(&artifactv1.Range{Digest: digest, Size: 1, Offset: 1}) },
		"settings.endpoint: ": func() error {
			_, err := registries.Inspect(t.Context(), &artifactv1.InspectRequest{Settings: settings})
			return err
		},
	} {
		err := fromStatus("", call())
		wantReason(t, err, fault.InvalidRequest, false)
		if !strings.HasPrefix(err.Error(), field) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s%v", field, err)
		}
	}
}
