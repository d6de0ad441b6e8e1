package layers_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// FuzzAStreamIsTheBlobsOrAnError: each four bytes of the script are a chunk: of which of
// two blobs or a foreign blob, at which offset, how long, and whether its first byte is
// changed. The receiver ends without an error if and only if the chunks are the two blobs,
// in order and whole.
func FuzzAStreamIsTheBlobsOrAnError(f *testing.F) {
	blobs := []blob{newBlob(1, 12), newBlob(2, 8)}
	f.Add([]byte{0, 0, 12, 0, 1, 0, 8, 0})                        // whole
	f.Add([]byte{0, 0, 6, 0, 0, 6, 6, 0, 1, 0, 8, 0})             // in pieces
	f.Add([]byte{0, 0, 6, 0, 0, 6, 6, 0, 1, 0, 8, 0, 1, 0, 8, 0}) // and on
	f.Add([]byte{1, 0, 8, 0, 0, 0, 12, 0})                        // in another order
	f.Add([]byte{0, 0, 6, 0, 0, 7, 5, 0, 1, 0, 8, 0})             // a gap
	f.Add([]byte{0, 0, 6, 0, 0, 0, 6, 0, 0, 6, 6, 0, 1, 0, 8, 0}) // twice
	f.Add([]byte{0, 0, 12, 1, 1, 0, 8, 0})                        // changed
	f.Add([]byte{0, 0, 0, 0, 0, 0, 12, 0, 1, 0, 8, 0})            // an empty chunk
	f.Add([]byte{0, 0, 12, 0, 2, 0, 8, 0})                        // of a blob that was not asked for
	f.Add([]byte{})
	foreign := newBlob(3, 8)
	f.Fuzz(func(t *testing.T, script []byte) {
		var sent chunks
		whole, came := true, 0
		all := append(bytes.Clone(blobs[0].b), blobs[1].b...)
		for ; len(script) >= 4; script = script[4:] {
			b := append(blobs, foreign)[int(script[0])%3]
			from := min(int(script[1]), len(b.b))
			to := min(from+int(script[2]), len(b.b))
			c := b.chunk(from, to)
			c.Data = bytes.Clone(c.Data)
			if script[3] != 0 && len(c.Data) > 0 {
				c.Data[0] ^= script[3]
			}
			sent = append(sent, c)
			at := from // in all
			if b.Digest == blobs[1].Digest {
				at += len(blobs[0].b)
			}
			whole = whole && b.Digest != foreign.Digest && at == came && len(c.Data) > 0 && bytes.HasPrefix(all[at:], c.Data)
			came += len(c.Data)
		}
		whole = whole && came == len(all)

		spool, dir := newSpool(t, 0)
		ranges := spool.Missing([]artifact.Layer{blobs[0].Layer, blobs[1].Layer})
		err := layers.Receive(t.Context(), spool, sent, artifact.Repository{}, ranges, nil, layers.Hooks{
			Room: func(context.Context, artifact.Layer, int64) error { return nil }, Received: func(layers.Piece, time.Duration) {}, Whole: func(artifact.Layer) {},
		})
		if (err == nil) != whole {
			t.Errorf("%v, and whole is %t", err, whole)
		}
		if r := fault.ReasonOf(err); err != nil && r != fault.DigestMismatch && r != fault.RegistryUnavailable {
			t.Errorf("%s: %v", r, err)
		}
		for _, b := range blobs {
			content, err := os.ReadFile(dir + "/" + b.Digest.Hex())
			if (err == nil) != spool.Has(b.Digest) || err == nil && !bytes.Equal(content, b.b) {
				t.Errorf("%s in the spool is %x (%v)", b.Digest, content, err)
			}
		}
		if spool.Has(foreign.Digest) || spool.Offset(foreign.Layer) != 0 {
			t.Error("a blob that was not asked for is in the spool")
		}
	})
}

// FuzzABlobUnpacksToItsDiffID: whatever a blob holds, what it unpacks to is what the
// config names, or it is an error and nothing stays.
func FuzzABlobUnpacksToItsDiffID(f *testing.F) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	content := bytes.Repeat([]byte("content "), 100)
	packed := enc.EncodeAll(content, nil)
	f.Add(packed, content)
	f.Add(packed[:len(packed)-1], content)
	f.Add(packed, content[1:])
	f.Add(append(bytes.Clone(packed), packed...), append(bytes.Clone(content), content...))
	f.Add([]byte("\x28\xb5\x2f\xfd"), []byte{})
	f.Add([]byte("\x1f\x8b"), []byte{})
	f.Add([]byte("\x28\xb5\x2f\xfd\x00\xff\xff\xff"), []byte{}) // a window of terabytes
	f.Fuzz(func(t *testing.T, packed, content []byte) {
		spool, dir := newSpool(t, 0)
		l := artifact.Layer{Digest: artifact.DigestOf(packed), Size: int64(len(packed)), DiffID: artifact.DigestOf(content)}
		put(t, spool, blob{l, packed})
		path, size, err := spool.Unpack(t.Context(), l, never)
		if err != nil {
			if r := fault.ReasonOf(err); r != fault.DigestMismatch {
				t.Errorf("%s: %v", r, err)
			}
			if left := names(t, dir); len(left) > 2 { // the lock, the blob
				t.Errorf("it left %q", left)
			}
			return
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) || size != int64(len(content)) {
			t.Errorf("%d bytes of %d: %v", size, len(content), err)
		}
		if err := spool.Readable(l); err != nil && fault.ReasonOf(err) != fault.ArtifactInvalid {
			t.Errorf("%v", err)
		}
	})
}
