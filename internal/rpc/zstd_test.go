package rpc

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// lines are so many bytes of text, which get much smaller.
func lines(n int) []byte {
	r := rand.New(rand.NewChaCha8([32]byte{1}))
	var b strings.Builder
	for b.Len() < n {
		b.WriteString([]string{"func ", "return ", "if err != nil {\n", "}\n", "x := ", "y"}[r.IntN(6)])
	}
	return []byte(b.String()[:n])
}

// withBlob makes a blob the only layer of an image.
func withBlob(b []byte) (*fakeImages, artifact.Layer) {
	f := newImages(1)
	l := artifact.Layer{Digest: artifact.DigestOf(b), Size: int64(len(b))}
	f.blobs[l.Digest], f.image.Layers = b, []artifact.Layer{l}
	return f, l
}

func frame(b []byte, opts ...zstd.EOption) []byte {
	enc := must(zstd.NewWriter(nil, append(opts, zstd.WithEncoderConcurrency(1))...))
	return enc.EncodeAll(b, nil)
}

func TestOnlyWhatIsNotCompressedCrossesCompressed(t *testing.T) {
	t.Parallel()
	text := lines(3*chunkSize + 5)
	var zipped bytes.Buffer
	z := must(gzip.NewWriterLevel(&zipped, gzip.NoCompression)) // so that it could get smaller
	must(z.Write(text))
	_ = z.Close()
	noise := make([]byte, chunkSize+1)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for name, c := range map[string]struct {
		blob    []byte
		smaller bool
	}{
		"text":               {text, true},
		"a little text":      {lines(300), true},
		"noise":              {noise, false},
		"three bytes":        {[]byte("abc"), false},
		"gzip":               {zipped.Bytes(), false},
		"zstd":               {append([]byte("\x28\xb5\x2f\xfd"), text...), false},
		"almost zstd's name": {append([]byte("\x28\xb5\x2f\xfe"), text...), true},
		"text and noise":     {append(bytes.Clone(text), noise...), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, l := withBlob(c.blob)
			client := serveImages(t, f).dial(t, Options{})
			for _, offset := range []int64{0, 1, l.Size / 2} {
				var came bytes.Buffer
				wire := 0
				err := client.Stream(t.Context(), repo(), []layers.Range{{Layer: l, Offset: offset}}, nil, func(p layers.Piece) error {
					if p.Offset != offset+int64(came.Len()) {
						t.Errorf("a chunk at %d", p.Offset)
					}
					wire += p.Wire
					came.Write(p.Data)
					return nil
				})
				if err != nil || !bytes.Equal(came.Bytes(), c.blob[offset:]) {
					t.Errorf("from %d: %d bytes came, %v", offset, came.Len(), err)
				}
				if n := came.Len(); wire > n || (wire < n) != c.smaller {
					t.Errorf("from %d: %d bytes on the wire for %d", offset, wire, n)
				}
			}
			// A caller that does not take frames gets none.
			stream := must(client.images.Stream(t.Context(), &artifactv1.StreamRequest{
				Repository: repo().String(), Ranges: []*artifactv1.Range{{Digest: l.Digest.String(), Size: uint64(l.Size)}},
			}))
			m, err := stream.Recv()
			want := &artifactv1.StreamResponse{Digest: l.Digest.String(), Data: c.blob[:min(len(c.blob), chunkSize)]}
			if err != nil || !proto.Equal(want, m) {
				t.Errorf("without zstd: %d bytes in encoding %v, %v", len(m.GetData()), m.GetEncoding(), err)
			}
		})
	}
}

func TestAFrameThatIsNotAChunksIsRefused(t *testing.T) {
	t.Parallel()
	text := lines(maxChunk)
	one := frame(text[:1000])
	encoded := artifactv1.Encoding_ENCODING_ZSTD
	streamed := func(b []byte) []byte { // a frame that does not name its size
		var w bytes.Buffer
		z := must(zstd.NewWriter(&w, zstd.WithEncoderConcurrency(1)))
		must(z.Write(b))
		_ = z.Flush() // before the end, so that the size is not known yet
		_ = z.Close()
		return w.Bytes()
	}
	// The header names 1000 bytes and there are more, or fewer.
	lie := func(b []byte) []byte {
		f := frame(b, zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false))
		f[5], f[6] = byte((1000-256)&0xff), byte((1000-256)>>8)
		return f
	}
	for name, c := range map[string]struct {
		size     int // of the blob
		data     []byte
		encoding artifactv1.Encoding
		good     bool
	}{
		"a frame":                     {1000, one, encoded, true},
		"the largest":                 {maxChunk, frame(text), encoded, true},
		"a larger one":                {maxChunk + 1, frame(append(bytes.Clone(text), 'x')), encoded, false},
		"a bomb":                      {1 << 40, frame(make([]byte, 64<<20)), encoded, false},
		"a bomb without a size":       {1 << 40, streamed(make([]byte, 64<<20)), encoded, false},
		"a bomb by its header":        {1 << 40, []byte("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x00"), encoded, false},
		"one that names no size":      {1000, streamed(text[:1000]), encoded, false},
		"more than it names":          {1000, lie(text[:1100]), encoded, false},
		"less than it names":          {1000, lie(text[:900]), encoded, false},
		"nothing":                     {1000, frame(nil, zstd.WithZeroFrames(true)), encoded, false},
		"no frame":                    {1000, text[:1000], encoded, false},
		"half a frame":                {1000, one[:len(one)/2], encoded, false},
		"two frames":                  {1000, append(frame(text[:500]), frame(text[500:1000])...), encoded, false},
		"a frame and a skippable one": {1000, append([]byte("\x50\x2a\x4d\x18\x01\x00\x00\x00x"), one...), encoded, false},
		"a frame and more":            {1000, append(bytes.Clone(one), "more"...), encoded, false},
		"another encoding":            {1000, one, 2, false},
		"a frame that is not named":   {1000, one, 0, false},
		"more than the blob has":      {999, one, encoded, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := artifact.Layer{Digest: artifact.DigestOf(nil), Size: int64(c.size)}
			chunk := &artifactv1.StreamResponse{Digest: l.Digest.String(), Data: c.data, Encoding: c.encoding}
			client := serveLiar(t, &liar{chunks: []*artifactv1.StreamResponse{chunk}}).dial(t, Options{})
			came := 0
			err := client.Stream(t.Context(), repo(), []layers.Range{{Layer: l}}, nil, func(p layers.Piece) error {
				if p.Wire != len(c.data) || c.good && !bytes.Equal(p.Data, text[:c.size]) {
					t.Errorf("%d bytes of %d on the wire", len(p.Data), p.Wire)
				}
				came = len(p.Data)
				return nil
			})
			switch {
			case c.good && (err != nil || came != c.size):
				t.Errorf("%d bytes: %v", came, err)
			case c.encoding == 0:
				wantReason(t, err, fault.HostUnreachable, true) // those bytes, and then nothing
			case !c.good:
				wantReason(t, err, fault.Internal, false)
				if came > 0 {
					t.Errorf("%d bytes were handed on", came)
				}
			}
		})
	}
}

// FuzzAFrameIsAChunkOrRefused: whatever a frame is, it inflates to what any decoder makes of it,
// and to no more than a chunk has, or it is refused.
func FuzzAFrameIsAChunkOrRefused(f *testing.F) {
	for _, b := range [][]byte{nil, lines(1), lines(300), lines(chunkSize), make([]byte, 2<<20)} {
		one := frame(b, zstd.WithZeroFrames(true))
		f.Add(one)
		f.Add(one[:len(one)/2])
		f.Add(append(bytes.Clone(one), one...))
	}
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\xff\xff\xff")) // a window of terabytes
	f.Add([]byte("\x50\x2a\x4d\x18\xff\xff\xff\xff"))
	c := newCodec()
	reference := must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(4<<20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxChunk {
			t.Skip()
		}
		b := bytes.Clone(data)
		ch := chunk{encoding: artifactv1.Encoding_ENCODING_ZSTD, data: b, buf: mem.NewBuffer(&b, mem.NopBufferPool{})}
		defer ch.free()
		err := c.inflate(&ch)
		if err != nil {
			if r := fault.ReasonOf(err); r != fault.Internal {
				t.Errorf("%s: %v", r, err)
			}
			return
		}
		want, err := reference.DecodeAll(data, nil)
		if err != nil || !bytes.Equal(want, ch.data) || len(ch.data) == 0 || len(ch.data) > maxChunk {
			t.Errorf("%d bytes, another decoder has %d (%v)", len(ch.data), len(want), err)
		}
	})
}

// FuzzAStreamIsWhatWasAskedForOrAnError: each six bytes of the script are a piece, of a blob
// or of a delta. What is handed on is in order, without a gap and within its sizes, and
// the stream ends without an error if and only if all of it came.
func FuzzAStreamIsWhatWasAskedForOrAnError(f *testing.F) {
	f.Add([]byte{0, 0, 0, 9, 0, 0, 1, 1, 0, 0, 50, 50, 1, 1, 0, 1, 20, 50})
	f.Add([]byte{0, 1, 4, 9, 9, 0})
	f.Add([]byte{0, 2, 0, 9, 9, 0})
	f.Add([]byte{1, 1, 0, 255, 50, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, script []byte) {
		image := newImages(9, 30)
		ranges := all(image.image)
		ranges[1].Delta, ranges[1].Rebuilt = true, 5
		s := sequence{ranges: ranges, deltas: true}
		at := []int64{0, 0}
		deltas := false
		for ; len(script) >= 6; script = script[6:] {
			layer := int(script[0]) % 2
			c := chunk{digest: ranges[layer].Layer.Digest.String(), data: make([]byte, int(script[3])%64)}
			if script[1] == 1 {
				c.delta = &deltaHead{uint64(script[2]), uint64(int8(script[4])), uint64(script[5])}
			} else {
				c.offset = uint64(script[2])
			}
			p, err := s.take(&c)
			if err != nil {
				if r := fault.ReasonOf(err); r != fault.Internal {
					t.Errorf("%s: %v", r, err)
				}
				return
			}
			if p.Digest != ranges[layer].Layer.Digest {
				t.Errorf("a piece of %s is handed on as one of %s", ranges[layer].Layer.Digest, p.Digest)
			}
			if p.Delta != nil {
				if at[1] == 0 {
					at[1], deltas = 5, true
				}
				if layer != 1 || p.Delta.Offset != at[1] || p.Delta.Length <= 0 || p.Delta.Offset+p.Delta.Length > p.Size || len(p.Delta.Ops) == 0 || !deltas {
					t.Errorf("%+v of layer %d comes at %d", p, layer, at[1])
				}
				at[1] += p.Delta.Length
				continue
			}
			if p.Offset != at[layer] || len(p.Data) == 0 || layer == 1 && deltas {
				t.Errorf("%d bytes at %d of layer %d come at %d", len(p.Data), p.Offset, layer, at[layer])
			}
			if at[layer] += int64(len(p.Data)); at[layer] > ranges[layer].Layer.Size {
				t.Errorf("layer %d has %d bytes", layer, at[layer])
			}
		}
		whole := at[0] == 9 && (!deltas && at[1] == 30 || deltas && len(s.ranges) == 0)
		if err := s.end(); (err == nil) != whole {
			t.Errorf("%v after %v", err, at)
		}
	})
}
