package rpc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// fakeDeltas keeps layers. A batch makes step bytes by the first cost of them.
type fakeDeltas struct {
	tars       map[artifact.Digest][]byte
	step, cost int
	pause      time.Duration // before each batch
	// fail, if set, may end the making before a batch.
	fail  func(offset int64) error
	froms []int64
}

func (f *fakeDeltas) Size(target artifact.Digest) (int64, bool) {
	b, ok := f.tars[target]
	return int64(len(b)), ok
}

func (f *fakeDeltas) Encode(_ context.Context, target artifact.Digest, _ []artifact.Digest, from int64, each func(delta.Batch) error) error {
	f.froms = append(f.froms, from)
	tar := f.tars[target]
	scratch := make([]byte, f.cost) // used again, as the contract of Deltas allows
	for from < int64(len(tar)) {
		time.Sleep(f.pause)
		if f.fail != nil {
			switch err := f.fail(from); {
			case errors.Is(err, errEnd):
				return nil
			case err != nil:
				return err
			}
		}
		n := min(int64(f.step), int64(len(tar))-from)
		ops := scratch[:copy(scratch, tar[from:from+n])]
		if err := each(delta.Batch{Offset: from, Length: n, Ops: ops}); err != nil {
			return err
		}
		clear(scratch)
		from += n
	}
	return nil
}

// errEnd ends a delta without an error.
var errEnd = errors.New("end")

// newDeltas is an image whose layers, of such sizes as blobs, unpack to ten times as much.
func newDeltas(sizes ...int) (*fakeImages, *fakeDeltas) {
	f := newImages(sizes...)
	d := &fakeDeltas{tars: map[artifact.Digest][]byte{}, step: 1000, cost: 10}
	for i := range f.image.Layers {
		l := &f.image.Layers[i]
		tar := bytes.Repeat(f.blobs[l.Digest], 10)
		l.DiffID = artifact.DigestOf(tar)
		d.tars[l.DiffID] = tar
	}
	return f, d
}

func serveDeltas(t *testing.T, f *fakeImages, d Deltas) *Client {
	t.Helper()
	return serve(t, func(s *grpc.Server) { Register(s, fakeHost{}, f, d) }).dial(t, Options{})
}

var bases = []artifact.Digest{artifact.DigestOf([]byte("base"))}

// asked are ranges of all layers that a delta is welcome for.
func asked(f *fakeImages) []layers.Range {
	list := all(f.image)
	for i := range list {
		list[i].Delta = true
	}
	return list
}

// got is what came of each layer.
type got struct {
	data, ops map[artifact.Digest]int
	wire      int
}

// receive takes pieces, each of which must be the next bytes of its blob or layer.
func (g *got) receive(t *testing.T, f *fakeImages, d *fakeDeltas, ranges []layers.Range) func(layers.Piece) error {
	g.data, g.ops = map[artifact.Digest]int{}, map[artifact.Digest]int{}
	at := map[artifact.Digest]int64{}
	diffIDs := map[artifact.Digest]artifact.Digest{}
	for _, r := range ranges {
		at[r.Layer.Digest], diffIDs[r.Layer.Digest] = -1, r.Layer.DiffID
	}
	first := func(p layers.Piece) int64 {
		for _, r := range ranges {
			if r.Layer.Digest == p.Digest && p.Delta != nil {
				return r.Rebuilt
			} else if r.Layer.Digest == p.Digest {
				return r.Offset
			}
		}
		return -2
	}
	return func(p layers.Piece) error {
		if at[p.Digest] < 0 {
			at[p.Digest] = first(p)
		}
		g.wire += p.Wire
		if p.Delta == nil {
			if p.Offset != at[p.Digest] || !bytes.Equal(f.blobs[p.Digest][p.Offset:][:len(p.Data)], p.Data) {
				t.Errorf("a chunk at %d is wrong, or not at %d", p.Offset, at[p.Digest])
			}
			at[p.Digest] += int64(len(p.Data))
			g.data[p.Digest] += len(p.Data)
			return nil
		}
		tar := d.tars[diffIDs[p.Digest]]
		if b := p.Delta; b.Offset != at[p.Digest] || p.Size != int64(len(tar)) || !bytes.Equal(tar[b.Offset:][:len(b.Ops)], b.Ops) {
			t.Errorf("a batch at %d of %d is wrong, or not at %d of %d", b.Offset, p.Size, at[p.Digest], len(tar))
		}
		at[p.Digest] += p.Delta.Length
		g.ops[p.Digest] += len(p.Delta.Ops)
		return nil
	}
}

func TestALayerCrossesAsADeltaWhenItIsWorthIt(t *testing.T) {
	t.Parallel()
	const size = 20_000
	for name, c := range map[string]struct {
		change func(f *fakeImages, d *fakeDeltas, ranges []layers.Range)
		bases  []artifact.Digest
		ops    int // 0: the blob comes
		why    string
	}{
		"small":                    {nil, bases, 2000, ""},
		"no bases":                 {nil, nil, 0, "the receiver has no layers to make it of"},
		"at most 60 % of the blob": {func(_ *fakeImages, d *fakeDeltas, _ []layers.Range) { d.cost = 60 }, bases, 12000, ""},
		"more than 60 % of it":     {func(_ *fakeImages, d *fakeDeltas, _ []layers.Range) { d.cost = 61 }, bases, 0, "a delta has more than 60 % of the bytes of what is left of the blob"},
		"more than 60 % of the rest": {func(_ *fakeImages, _ *fakeDeltas, r []layers.Range) {
			r[0].Offset = size - 3000
		}, bases, 0, "a delta has more than 60 % of the bytes of what is left of the blob"},
		"not asked for": {func(_ *fakeImages, _ *fakeDeltas, r []layers.Range) { r[0].Delta = false }, bases, 0, "no delta was asked for"},
		"the rest":      {func(_ *fakeImages, _ *fakeDeltas, r []layers.Range) { r[0].Rebuilt = 150_500 }, bases, 500, ""},
		"all of it":     {func(_ *fakeImages, _ *fakeDeltas, r []layers.Range) { r[0].Rebuilt = 200_000 }, bases, 0, "the receiver has rebuilt all of it"},
		"no copy": {func(f *fakeImages, d *fakeDeltas, _ []layers.Range) {
			delete(d.tars, f.image.Layers[0].DiffID)
		}, bases, 0, "the agent has no copy of the layer"},
		"no base's copy": {func(_ *fakeImages, d *fakeDeltas, _ []layers.Range) {
			d.fail = func(int64) error { return errors.New("nothing\x1b of the bases is here") }
		}, bases, 0, "nothing? of the bases is here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, d := newDeltas(size)
			ranges := asked(f)
			if c.change != nil {
				c.change(f, d, ranges)
			}
			client, l := serveDeltas(t, f, d), f.image.Layers[0]
			plans, err := client.Plan(t.Context(), repo(), ranges, c.bases)
			if err != nil {
				t.Fatal(err)
			}
			want := layers.Plan{Digest: l.Digest, Delta: c.ops > 0, Wire: int64(c.ops), Unpacked: int64(len(d.tars[l.DiffID])), Why: c.why}
			if c.ops == 0 {
				want.Wire = size - ranges[0].Offset
			}
			if !ranges[0].Delta {
				want.Unpacked = 0
			}
			if diff := cmp.Diff([]layers.Plan{want}, plans, cmp.AllowUnexported(artifact.Digest{})); diff != "" {
				t.Error("the plan:", diff)
			}
			var g got
			if err := client.Stream(t.Context(), repo(), ranges, c.bases, g.receive(t, f, d, ranges)); err != nil {
				t.Fatal(err)
			}
			whole := 0
			if c.ops == 0 {
				whole = int(ranges[0].Size())
			}
			if g.ops[l.Digest] != c.ops || g.data[l.Digest] != whole || c.ops > 0 && g.wire != c.ops {
				t.Errorf("%d bytes of operations and %d of the blob came, %d on the wire", g.ops[l.Digest], g.data[l.Digest], g.wire)
			}
		})
	}
}

func TestALargeDeltaIsCountedAndThenSent(t *testing.T) {
	t.Parallel()
	// Seven batches of 200 000 bytes: five are held. The other layer has a single batch.
	f, d := newDeltas(7_000_000, 400_000)
	d.step, d.cost = 10_000_000, 200_000
	client, ranges := serveDeltas(t, f, d), asked(f)
	var g got
	if err := client.Stream(t.Context(), repo(), ranges, bases, g.receive(t, f, d, ranges)); err != nil {
		t.Fatal(err)
	}
	if first, second := f.image.Layers[0].Digest, f.image.Layers[1].Digest; g.ops[first] != 1_400_000 || g.ops[second] != 200_000 {
		t.Errorf("%+v", g)
	}
	if diff := cmp.Diff([]int64{0, 50_000_000, 0}, d.froms); diff != "" {
		t.Error("it is made from:", diff)
	}
}

func TestABlobThatIsNotCompressedCountsAsItCrosses(t *testing.T) {
	t.Parallel()
	for cost, want := range map[int]bool{240: true, 241: false} { // of 1000
		f := newImages(20_000) // whose diff ids are the digests
		l := f.image.Layers[0]
		d := &fakeDeltas{tars: map[artifact.Digest][]byte{l.DiffID: f.blobs[l.Digest]}, step: 1000, cost: cost}
		var g got
		if err := serveDeltas(t, f, d).Stream(t.Context(), repo(), asked(f), bases, g.receive(t, f, d, asked(f))); err != nil {
			t.Fatal(err)
		}
		if is := g.ops[l.Digest] > 0; is != want {
			t.Errorf("%d of 1000: %+v", cost, g)
		}
	}
}

func TestACopyThatIsGoneAfterItWasCountedIsTheBlob(t *testing.T) {
	t.Parallel()
	for _, gone := range []error{errors.New("gone"), errEnd} {
		f, d := newDeltas(7_000_000)
		d.step, d.cost = 10_000_000, 200_000
		times := 0
		d.fail = func(offset int64) error {
			if offset == 50_000_000 { // the end of what is held
				if times++; times == 2 {
					return gone
				}
			}
			return nil
		}
		ranges, l := asked(f), f.image.Layers[0]
		var g got
		err := serveDeltas(t, f, d).Stream(t.Context(), repo(), ranges, bases, g.receive(t, f, d, ranges))
		if err != nil || g.ops[l.Digest] > 0 || g.data[l.Digest] != int(l.Size) {
			t.Errorf("%v: %v after %+v", gone, err, g)
		}
	}
}

func TestACopyThatBreaksWhileItIsSentEndsTheStream(t *testing.T) {
	t.Parallel()
	for _, broken := range []error{errors.New("rotten"), errEnd} {
		f, d := newDeltas(7_000_000)
		d.step, d.cost = 10_000_000, 200_000
		times := 0
		d.fail = func(offset int64) error {
			if offset == 60_000_000 {
				if times++; times == 2 {
					return broken
				}
			}
			return nil
		}
		ranges := asked(f)
		var g got
		err := serveDeltas(t, f, d).Stream(t.Context(), repo(), ranges, bases, g.receive(t, f, d, ranges))
		wantReason(t, err, fault.Internal, true)
		if g.ops[f.image.Layers[0].Digest] != 1_200_000 || !strings.Contains(err.Error(), broken.Error()) {
			t.Errorf("%v after %+v", err, g)
		}
	}
}

// gate is Deltas that wait before they make any.
type gate struct {
	*fakeDeltas
	inside  atomic.Int64
	release chan struct{}
}

func (g *gate) Encode(context.Context, artifact.Digest, []artifact.Digest, int64, func(delta.Batch) error) error {
	g.inside.Add(1)
	defer g.inside.Add(-1)
	<-g.release
	return errors.New("no delta")
}

func TestOnlySoManyDeltasAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, d := newDeltas(20_000)
		g := &gate{fakeDeltas: d, release: make(chan struct{})}
		client := serveInMemory(t, func(s *grpc.Server) { Register(s, fakeHost{}, f, g) }).dial(t, Options{})
		var wg sync.WaitGroup
		for range maxDeltas + 2 {
			wg.Go(func() {
				if err := client.Stream(t.Context(), repo(), asked(f), bases, func(layers.Piece) error { return nil }); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if _, err := client.Plan(t.Context(), repo(), asked(f), bases); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := g.inside.Load(); n != maxDeltas {
			t.Errorf("%d are made at once", n)
		}
		close(g.release)
		wg.Wait()
	})
}

// A receiver that hears nothing for a minute ends its stream.
func TestADeltaThatTakesLongToMakeIsEstimated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cost  int
		delta bool
	}{"small": {10, true}, "large": {100, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, d := newDeltas(200_000)
				d.cost, d.pause = c.cost, 50*time.Millisecond // 2000 batches: a hundred seconds
				client := serveInMemory(t, func(s *grpc.Server) { Register(s, fakeHost{}, f, d) }).dial(t, Options{})
				began := time.Now()
				half := asked(f)
				half[0].Rebuilt = 500_000
				for wire, ranges := range map[int64][]layers.Range{20_000: asked(f), 15_000: half} {
					plans, err := client.Plan(t.Context(), repo(), ranges, bases)
					if err != nil || plans[0].Delta != c.delta || c.delta && plans[0].Wire != wire {
						t.Errorf("%+v %v", plans, err)
					}
				}
				var g got
				if err := client.Stream(t.Context(), repo(), asked(f), bases, g.receive(t, f, d, asked(f))); err != nil {
					t.Fatal(err)
				}
				if is := g.ops[f.image.Layers[0].Digest] > 0; is != c.delta {
					t.Errorf("%+v", g)
				}
				if took := time.Since(began); took > 3*patience+200*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// Its turn may not come while others send deltas over slow links.
func TestAStreamWithoutATurnSendsTheLayerWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, d := newDeltas(20_000)
		s := newImageServer(f, d)
		for range maxDeltas {
			s.encoding <- struct{}{}
		}
		client := serveInMemory(t, func(r *grpc.Server) { artifactv1.RegisterImageServiceServer(r, s) }).dial(t, Options{})
		var g got
		if err := client.Stream(t.Context(), repo(), asked(f), bases, g.receive(t, f, d, asked(f))); err != nil {
			t.Fatal(err)
		}
		if g.data[f.image.Layers[0].Digest] != 20_000 {
			t.Errorf("%+v", g)
		}
		_, err := client.Plan(t.Context(), repo(), asked(f), bases)
		wantReason(t, err, fault.Busy, true)
	})
}

// An agent that knows neither deltas nor plans passes over the fields.
func TestAnOlderAgentSendsLayersWhole(t *testing.T) {
	t.Parallel()
	f, d := newDeltas(20_000)
	l := f.image.Layers[0]
	client := serveLiar(t, &liar{chunks: []*artifactv1.StreamResponse{{Digest: l.Digest.String(), Data: f.blobs[l.Digest]}}}).dial(t, Options{})
	ranges := asked(f)
	plans, err := client.Plan(t.Context(), repo(), ranges, bases)
	if err != nil || len(plans) != 1 || plans[0].Delta || plans[0].Wire != l.Size || plans[0].Digest != l.Digest || plans[0].Why == "" {
		t.Errorf("%+v %v", plans, err)
	}
	var g got
	if err := client.Stream(t.Context(), repo(), ranges, bases, g.receive(t, f, d, ranges)); err != nil {
		t.Fatal(err)
	}
	if g.data[l.Digest] != 20_000 {
		t.Errorf("%+v", g)
	}
}

// What a controller without these fields asks for comes as it did: identity chunks of the blob.
func TestAnOlderControllerGetsWhatItGot(t *testing.T) {
	t.Parallel()
	f, d := newDeltas(20_000)
	l := f.image.Layers[0]
	stream, err := serveDeltas(t, f, d).images.Stream(t.Context(), &artifactv1.StreamRequest{
		Repository: repo().String(), Ranges: []*artifactv1.Range{{Digest: l.Digest.String(), Size: uint64(l.Size)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	want := &artifactv1.StreamResponse{Digest: l.Digest.String(), Data: f.blobs[l.Digest]}
	if err != nil || !proto.Equal(m, want) {
		t.Errorf("%.200v %v", m, err)
	}
}

func TestADeltaThatIsNotWhatWasAskedForIsAnError(t *testing.T) {
	t.Parallel()
	f, _ := newDeltas(100, 50)
	a, b := f.image.Layers[0].Digest.String(), f.image.Layers[1].Digest.String()
	type chunks = []*artifactv1.StreamResponse
	batch := func(digest string, offset, length, size uint64) *artifactv1.StreamResponse {
		return &artifactv1.StreamResponse{Digest: digest, Delta: &artifactv1.Delta{Offset: offset, Length: length, Size: size, Ops: []byte("ops")}}
	}
	whole := func(digest string, offset uint64, n int) *artifactv1.StreamResponse {
		return &artifactv1.StreamResponse{Digest: digest, Offset: offset, Data: make([]byte, n)}
	}
	ops := func(n int) *artifactv1.StreamResponse {
		m := batch(a, 10, 5, 1000)
		m.Delta.Ops = make([]byte, n)
		return m
	}
	for name, c := range map[string]struct {
		chunks chunks
		want   fault.Reason
		retry  bool
		passed int
	}{
		"an early end":                {chunks{batch(a, 10, 5, 1000)}, fault.HostUnreachable, true, 1},
		"a missing layer":             {chunks{batch(a, 10, 990, 1000)}, fault.HostUnreachable, true, 1},
		"from the start":              {chunks{batch(a, 0, 10, 1000)}, fault.Internal, false, 0},
		"a gap":                       {chunks{batch(a, 10, 5, 1000), batch(a, 16, 4, 1000)}, fault.Internal, false, 1},
		"a repetition":                {chunks{batch(a, 10, 5, 1000), batch(a, 10, 5, 1000)}, fault.Internal, false, 1},
		"another layer":               {chunks{batch(b, 10, 5, 1000)}, fault.Internal, false, 0},
		"not asked for":               {chunks{batch(a, 10, 990, 1000), batch(b, 0, 5, 1000)}, fault.Internal, false, 1},
		"a size that changes":         {chunks{batch(a, 10, 5, 1000), batch(a, 15, 5, 1001)}, fault.Internal, false, 1},
		"no size":                     {chunks{batch(a, 10, 5, 0)}, fault.Internal, false, 0},
		"a size beyond all sizes":     {chunks{batch(a, 10, 5, 1<<50+1)}, fault.Internal, false, 0},
		"no length":                   {chunks{batch(a, 10, 0, 1000)}, fault.Internal, false, 0},
		"a length beyond the end":     {chunks{batch(a, 10, 991, 1000)}, fault.Internal, false, 0},
		"a length beyond all numbers": {chunks{batch(a, 10, 1<<64-5, 1000)}, fault.Internal, false, 0},
		"a length beyond a batch's":   {chunks{batch(a, 10, delta.MaxLength+1, 1<<40)}, fault.Internal, false, 0},
		"an end before the start":     {chunks{batch(a, 10, 1, 9)}, fault.Internal, false, 0},
		"no operations":               {chunks{ops(0)}, fault.Internal, false, 0},
		"too many operations":         {chunks{ops(delta.MaxBatch + 1)}, fault.Internal, false, 0},
		"the most operations":         {chunks{ops(delta.MaxBatch)}, fault.HostUnreachable, true, 1},
		"a chunk after a delta":       {chunks{batch(a, 10, 5, 1000), whole(a, 15, 5)}, fault.Internal, false, 1},
		"a delta after a chunk":       {chunks{whole(a, 0, 10), batch(a, 10, 5, 1000)}, fault.Internal, false, 1},
		"a chunk where it would be":   {chunks{batch(a, 10, 5, 1000), whole(a, 5, 5)}, fault.Internal, false, 1},
		"a delta where it would be":   {chunks{whole(a, 0, 10), batch(a, 20, 5, 1000)}, fault.Internal, false, 1},
		"a delta that is encoded": {chunks{{Digest: a, Encoding: artifactv1.Encoding_ENCODING_ZSTD, Delta: &artifactv1.Delta{
			Offset: 10, Length: 5, Size: 1000, Ops: frame(lines(300)),
		}}}, fault.Internal, false, 0},
		"both forms in turn": {chunks{batch(a, 10, 990, 1000), whole(b, 0, 50), whole(b, 0, 50)}, fault.Internal, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ranges, passed := all(f.image), 0
			ranges[0].Delta, ranges[0].Rebuilt = true, 10
			err := serveLiar(t, &liar{chunks: c.chunks}).dial(t, Options{}).
				Stream(t.Context(), repo(), ranges, bases, func(layers.Piece) error { passed++; return nil })
			wantReason(t, err, c.want, c.retry)
			if passed != c.passed {
				t.Errorf("%d pieces were handed on, want %d", passed, c.passed)
			}
		})
	}
	ranges := all(f.image)[:1]
	ranges[0].Delta, ranges[0].Rebuilt = true, 10
	err := serveLiar(t, &liar{chunks: chunks{batch(a, 10, 990, 1000)}}).dial(t, Options{}).Stream(t.Context(), repo(), ranges, nil, nil)
	wantReason(t, err, fault.Internal, false) // without bases, no delta
}

// planner answers a plan as an agent that is not to be believed.
type planner struct {
	artifactv1.UnimplementedImageServiceServer
	plans []*artifactv1.LayerPlan
}

func (p planner) PlanTransfer(context.Context, *artifactv1.PlanTransferRequest) (*artifactv1.PlanTransferResponse, error) {
	return &artifactv1.PlanTransferResponse{Layers: p.plans}, nil
}

func TestAPlanThatIsNotOfWhatWasAskedForIsAnError(t *testing.T) {
	t.Parallel()
	f, _ := newDeltas(100)
	digest := f.image.Layers[0].Digest.String()
	whole, change := artifactv1.Way_WAY_WHOLE, artifactv1.Way_WAY_DELTA
	for name, c := range map[string]struct {
		plans   []*artifactv1.LayerPlan
		noBases bool
		good    bool
	}{
		"a delta":            {[]*artifactv1.LayerPlan{{Digest: digest, Way: change, WireBytes: 5, UnpackedSize: 1000}}, false, true},
		"a blob":             {[]*artifactv1.LayerPlan{{Digest: digest, Way: whole, WireBytes: 100, Why: "odd\x1b"}}, false, true},
		"a delta of nothing": {[]*artifactv1.LayerPlan{{Digest: digest, Way: change, WireBytes: 5, UnpackedSize: 1000}}, true, false},
		"nothing":            {nil, false, false},
		"two":                {[]*artifactv1.LayerPlan{{Digest: digest, Way: whole, WireBytes: 100}, {Digest: digest, Way: whole, WireBytes: 100}}, false, false},
		"another layer":      {[]*artifactv1.LayerPlan{{Digest: artifact.DigestOf(nil).String(), Way: whole, WireBytes: 100}}, false, false},
		"no digest":          {[]*artifactv1.LayerPlan{{Way: whole, WireBytes: 100}}, false, false},
		"no way":             {[]*artifactv1.LayerPlan{{Digest: digest, WireBytes: 100}}, false, false},
		"a way of tomorrow":  {[]*artifactv1.LayerPlan{{Digest: digest, Way: 7, WireBytes: 100}}, false, false},
		"a blob of less":     {[]*artifactv1.LayerPlan{{Digest: digest, Way: whole, WireBytes: 99}}, false, false},
		"too many bytes":     {[]*artifactv1.LayerPlan{{Digest: digest, Way: change, WireBytes: 1 << 63}}, false, false},
		"too large unpacked": {[]*artifactv1.LayerPlan{{Digest: digest, Way: change, UnpackedSize: 1 << 63}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := bases
			if c.noBases {
				with = nil
			}
			plans, err := serve(t, func(s *grpc.Server) { artifactv1.RegisterImageServiceServer(s, planner{plans: c.plans}) }).dial(t, Options{}).
				Plan(t.Context(), repo(), asked(f), with)
			if c.good {
				if err != nil || len(plans) != 1 || plans[0].Digest.String() != digest || strings.Contains(plans[0].Why, "\x1b") {
					t.Errorf("%+v %v", plans, err)
				}
				return
			}
			wantReason(t, err, fault.Internal, false)
		})
	}
}
