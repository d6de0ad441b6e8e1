package layers_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

func TestAStreamIsTakenOnlyAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	a, b := newBlob(1, 1000), newBlob(2, 500)
	whole := chunks{a.chunk(400, 700), a.chunk(700, 1000), b.chunk(0, 500)}
	foreign := newBlob(3, 10)
	tests := map[string]struct {
		sent chunks
		want string // part of the error, "" for none
		a, b int64  // what the spool has then
	}{
		"as asked":               {whole, "", 1000, 500},
		"byte by byte":           {chunks{a.chunk(400, 401), a.chunk(401, 1000), b.chunk(0, 1), b.chunk(1, 500)}, "", 1000, 500},
		"from the start":         {chunks{a.chunk(0, 1000), b.chunk(0, 500)}, "is at byte 0", 400, 0},
		"with a gap":             {chunks{a.chunk(400, 500), a.chunk(501, 1000)}, "is at byte 501", 500, 0},
		"with an overlap":        {chunks{a.chunk(400, 500), a.chunk(499, 1000)}, "is at byte 499", 500, 0},
		"in another order":       {chunks{b.chunk(0, 500), a.chunk(400, 1000)}, "was asked for", 400, 0},
		"with a foreign layer":   {chunks{foreign.chunk(0, 10)}, "was asked for", 400, 0},
		"with an empty chunk":    {chunks{a.chunk(400, 400)}, "0 bytes of", 400, 0},
		"beyond a layer's end":   {chunks{a.chunk(400, 900), {Digest: a.Digest, Offset: 900, Data: make([]byte, 101)}}, "is longer", 900, 0},
		"beyond the last layer":  {append(whole[:3:3], b.chunk(0, 1)), "goes on", 1000, 500},
		"ending early":           {whole[:1], "2 layers short", 700, 0},
		"ending between layers":  {whole[:2], "1 layer short", 1000, 0},
		"ending before it began": {nil, "2 layers short", 400, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newSpool(t, 0)
			if err := os.WriteFile(filepath.Join(dir, a.Digest.Hex()+".part"), a.b[:400], 0o600); err != nil {
				t.Fatal(err)
			}
			err := receive(t, s, test.sent, s.Missing([]artifact.Layer{a.Layer, b.Layer, a.Layer}), nil)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff([]int64{test.a, test.b}, []int64{s.Offset(a.Layer), s.Offset(b.Layer)}); diff != "" {
				t.Errorf("in the spool (-want +got):\n%s", diff)
			}
			if s.Has(a.Digest) != (test.a == a.Size) || s.Has(b.Digest) != (test.b == b.Size) {
				t.Error("has what is not whole")
			}
			if short := strings.Contains(test.want, "short"); err != nil && fault.Retryable(err) != short {
				t.Errorf("retry is %v", !short)
			}
		})
	}
}

func TestABlobKilledBeforeItsNameIsNotAskedFor(t *testing.T) {
	t.Parallel()
	s, dir := newSpool(t, 0)
	b := newBlob(1, 1000)
	if err := os.WriteFile(filepath.Join(dir, b.Digest.Hex()+".part"), b.b, 0o600); err != nil {
		t.Fatal(err)
	}
	var whole []artifact.Digest
	if err := receive(t, s, nil, s.Missing([]artifact.Layer{b.Layer}), &whole); err != nil {
		t.Fatal(err)
	}
	if !s.Has(b.Digest) || len(whole) != 1 {
		t.Error("not whole")
	}
}

func TestACancelledReceiverTakesNoMore(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, 0)
	b := newBlob(1, 1000)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := fault.New(fault.Interrupted, "enough")
	cancel(cause)
	err := layers.Receive(ctx, s, chunks{b.chunk(0, 1000)}, artifact.Repository{}, s.Missing([]artifact.Layer{b.Layer}), nil, layers.Hooks{})
	if fault.ReasonOf(err) != fault.Interrupted || s.Offset(b.Layer) != 0 {
		t.Error(err)
	}
}

func receive(t *testing.T, s *layers.Spool, src layers.Source, ranges []layers.Range, whole *[]artifact.Digest) error {
	t.Helper()
	return layers.Receive(t.Context(), s, src, artifact.Repository{}, ranges, nil, layers.Hooks{
		Room:     func(context.Context, artifact.Layer, int64) error { return nil },
		Received: func(layers.Piece, time.Duration) {},
		Whole: func(l artifact.Layer) {
			if whole != nil {
				*whole = append(*whole, l.Digest)
			}
		},
	})
}
