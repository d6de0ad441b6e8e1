package rpc

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
)

// frames cuts a message as HTTP/2 frames do.
func frames(b []byte, n int) (s mem.BufferSlice) {
	for len(b) > n {
		s, b = append(s, mem.SliceBuffer(b[:n])), b[n:]
	}
	return append(s, mem.SliceBuffer(b))
}

// FuzzAChunkIsAStreamResponse: the codec and the generated code write the same bytes, and
// read the same out of them.
func FuzzAChunkIsAStreamResponse(f *testing.F) {
	f.Add("sha256:abc", uint64(1<<40), []byte("data"), uint8(0), uint64(0), uint64(0), uint64(0), 3)
	f.Add("", uint64(0), []byte{}, uint8(0), uint64(0), uint64(0), uint64(0), 1)
	f.Add("x", uint64(300), make([]byte, chunkSize), uint8(2), uint64(0), uint64(0), uint64(0), 16<<10)
	f.Add("x", uint64(1), make([]byte, chunkSize+5000), uint8(0), uint64(0), uint64(0), uint64(0), 16<<10)
	f.Add("sha256:abc", uint64(0), []byte("operations"), uint8(1), uint64(1<<40), uint64(32<<20), uint64(1<<41), 7)
	f.Add("x", uint64(0), []byte{}, uint8(1), uint64(0), uint64(0), uint64(0), 1)
	f.Add("sha256:abc", uint64(5), []byte("data"), uint8(0x52), uint64(0), uint64(0), uint64(0), 3) // with a next call
	f.Add("sha256:abc", uint64(0), []byte("operations"), uint8(0x73), uint64(1), uint64(2), uint64(3), 3)
	f.Add("x", uint64(9), []byte("o"), uint8(3), uint64(0), uint64(1), uint64(2), 1)
	c := newCodec()
	f.Fuzz(func(t *testing.T, digest string, offset uint64, data []byte, form uint8, at, length, size uint64, frame int) {
		if len(digest) > 200 || frame < 1 || !bytes.Equal([]byte(digest), bytes.ToValidUTF8([]byte(digest), nil)) {
			t.Skip()
		}
		buf := bytes.Clone(data)
		ch := chunk{digest: digest, offset: offset, encoding: artifactv1.Encoding(form >> 1), next: uint32(form >> 4), data: buf, buf: mem.NewBuffer(&buf, mem.NopBufferPool{})}
		want := &artifactv1.StreamResponse{Digest: digest, Offset: offset, Data: data, Encoding: artifactv1.Encoding(form >> 1), Next: uint32(form >> 4)}
		if form&1 != 0 {
			ch.delta = &deltaHead{at, length, size}
			want.Data, want.Delta = nil, &artifactv1.Delta{Offset: at, Length: length, Ops: data, Size: size}
		}
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := c.Marshal(&ch)
		if err != nil {
			t.Fatal(err)
		}
		if got := sent.Materialize(); !bytes.Equal(got, wire) {
			t.Errorf("the codec writes %x, generated code %x", got, wire)
		}
		sent.Free()
		ch.free()
		for range 2 { // again, over what the first left
			if err := c.Unmarshal(frames(wire, frame), &ch); err != nil {
				t.Fatal(err)
			}
			wantRead(t, &ch, want)
		}
		ch.free()
	})
}

// wantRead compares what was read of a chunk with what generated code read.
func wantRead(t *testing.T, got *chunk, want *artifactv1.StreamResponse) {
	t.Helper()
	data := want.GetData()
	var head *deltaHead
	if d := want.GetDelta(); d != nil {
		data, head = d.GetOps(), &deltaHead{d.GetOffset(), d.GetLength(), d.GetSize()}
	}
	same := (got.delta == nil) == (head == nil) && (head == nil || *head == *got.delta)
	if got.digest != want.GetDigest() || got.offset != want.GetOffset() || got.encoding != want.GetEncoding() || got.next != want.GetNext() || !same || !bytes.Equal(got.data, data) {
		t.Errorf("read %q %d %v %+v %x, protobuf %v", got.digest, got.offset, got.encoding, got.delta, got.data, want)
	}
}

func FuzzAnyBytesAreReadAsProtobufReadsThem(f *testing.F) {
	wire, err := proto.Marshal(&artifactv1.StreamResponse{Digest: "d", Offset: 7, Data: []byte("x"), Encoding: artifactv1.Encoding_ENCODING_ZSTD})
	if err != nil {
		f.Fatal(err)
	}
	one, err := proto.Marshal(&artifactv1.StreamResponse{Delta: &artifactv1.Delta{Offset: 7, Ops: []byte("ops"), Size: 9}})
	if err != nil {
		f.Fatal(err)
	}
	two, err := proto.Marshal(&artifactv1.StreamResponse{Delta: &artifactv1.Delta{Length: 8, Size: 10}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(append(wire, wire...))                                                    // a field twice: the last holds
	f.Add(append(wire, 0x7a, 2, 1, 2))                                              // field 15: unknown
	f.Add([]byte{0x0a, 0xff})                                                       // cut short
	f.Add([]byte{0x08, 0x01})                                                       // field 1 as a varint: unknown by type
	f.Add([]byte{0x1b, 0x08, 0x01, 0x1c})                                           // a group
	f.Add([]byte{0x0a, 0x01, 0xff})                                                 // not UTF-8
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})                                        // a tag out of range
	f.Add(append(one, two...))                                                      // a delta twice: they are merged
	f.Add(append(wire, one...))                                                     // data and a delta
	f.Add([]byte{0x2a, 0x02, 0x1a, 0x05})                                           // a delta that is cut short
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}) // a next call beyond 32 bits
	f.Add([]byte{0x2a, 0x00})                                                       // an empty delta
	f.Add([]byte{0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}) // an encoding beyond an enum's
	f.Fuzz(func(t *testing.T, b []byte) {
		var want artifactv1.StreamResponse
		wantErr := proto.Unmarshal(b, &want)
		var got chunk
		gotErr := got.parse(b)
		if wantErr == nil && gotErr != nil {
			t.Fatalf("refused what protobuf reads: %v", gotErr)
		}
		// Only UTF-8 is not checked here: a digest is compared, not shown.
		if gotErr == nil && wantErr == nil {
			wantRead(t, &got, &want)
		}
	})
}

func TestBuffersAreUsedAgain(t *testing.T) {
	t.Parallel()
	f := make(freeList, 1)
	a := f.Get(chunkSize)
	f.Put(a)
	f.Put(f.Get(10)) // the same, shorter
	if b := f.Get(bufferSize); b != a || len(*b) != bufferSize {
		t.Error("another buffer")
	}
	large := f.Get(bufferSize + 1)
	f.Put(large)
	if len(*large) != bufferSize+1 || f.Get(bufferSize) == large {
		t.Error("a large buffer was kept")
	}
}
