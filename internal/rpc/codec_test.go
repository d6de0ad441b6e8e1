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

func FuzzAChunkIsAStreamResponse(f *testing.F) {
	f.Add("sha256:abc", uint64(1<<40), []byte("data"), 3)
	f.Add("", uint64(0), []byte{}, 1)
	f.Add("x", uint64(300), make([]byte, chunkSize), 16<<10)
	f.Add("x", uint64(1), make([]byte, chunkSize+5000), 16<<10)
	c := newCodec()
	f.Fuzz(func(t *testing.T, digest string, offset uint64, data []byte, frame int) {
		if len(digest) > 200 || frame < 1 || !bytes.Equal([]byte(digest), bytes.ToValidUTF8([]byte(digest), nil)) {
			t.Skip()
		}
		want := &artifactv1.StreamResponse{Digest: digest, Offset: offset, Data: data}

		buf := bytes.Clone(data)
		ch := chunk{digest: digest, offset: offset, data: buf, buf: mem.NewBuffer(&buf, mem.NopBufferPool{})}
		sent, err := c.Marshal(&ch)
		if err != nil {
			t.Fatal(err)
		}
		var got artifactv1.StreamResponse
		if err := proto.Unmarshal(sent.Materialize(), &got); err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 { // proto3 may or may not write an empty field
			got.Data, want.Data = nil, nil
		}
		if !proto.Equal(want, &got) {
			t.Errorf("marshal: %v", &got)
		}
		sent.Free()
		ch.free()

		wire, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // again, over what the first left
			if err := c.Unmarshal(frames(wire, frame), &ch); err != nil {
				t.Fatal(err)
			}
			if ch.digest != digest || ch.offset != offset || !bytes.Equal(ch.data, data) {
				t.Errorf("unmarshal: %q %d %d bytes", ch.digest, ch.offset, len(ch.data))
			}
		}
		ch.free()
	})
}

func FuzzAnyBytesAreReadAsProtobufReadsThem(f *testing.F) {
	wire, err := proto.Marshal(&artifactv1.StreamResponse{Digest: "d", Offset: 7, Data: []byte("x")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(append(wire, wire...))             // a field twice: the last holds
	f.Add(append(wire, 0x7a, 2, 1, 2))       // field 15: unknown
	f.Add([]byte{0x0a, 0xff})                // cut short
	f.Add([]byte{0x08, 0x01})                // field 1 as a varint: unknown by type
	f.Add([]byte{0x1b, 0x08, 0x01, 0x1c})    // a group
	f.Add([]byte{0x0a, 0x01, 0xff})          // not UTF-8
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}) // a tag out of range
	f.Fuzz(func(t *testing.T, b []byte) {
		var want artifactv1.StreamResponse
		wantErr := proto.Unmarshal(b, &want)
		var got chunk
		gotErr := got.parse(b)
		if wantErr == nil && gotErr != nil {
			t.Fatalf("refused what protobuf reads: %v", gotErr)
		}
		// Only UTF-8 is not checked here: a digest is compared, not shown.
		if gotErr == nil && wantErr == nil && (got.digest != want.GetDigest() || got.offset != want.GetOffset() || !bytes.Equal(got.data, want.GetData())) {
			t.Fatalf("read %q %d %x, protobuf %v", got.digest, got.offset, got.data, &want)
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
