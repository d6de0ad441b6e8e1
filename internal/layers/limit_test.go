package layers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
)

// pieces is a source of pieces of a size on the wire, as fast as they are taken.
type pieces struct{ n, wire int }

func (s pieces) Stream(_ context.Context, _ artifact.Repository, _ []layers.Range, _ []artifact.Digest, each func(layers.Piece) error) error {
	for range s.n {
		if err := each(layers.Piece{Wire: s.wire}); err != nil {
			return err
		}
	}
	return nil
}

func TestALimitHoldsSourcesToItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := layers.NewLimit(1 << 20)
		began, got := time.Now(), 0
		for _, s := range []pieces{{100, 256 << 10}, {1000, 3 << 10}} { // a second source has the rate that is left
			if err := limit.Over(s).Stream(t.Context(), artifact.Repository{}, nil, nil, func(p layers.Piece) error {
				got += p.Wire
				// The first 2 MiB come at once.
				if most := 2<<20 + 256<<10 + int(time.Since(began).Seconds()*(1<<20)); got > most {
					t.Fatalf("%d bytes after %v", got, time.Since(began))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if took, want := time.Since(began), time.Duration(float64(got-2<<20)/(1<<20)*float64(time.Second)); took < want || took > want+time.Second {
			t.Errorf("%d bytes took %v, want %v", got, took, want)
		}
	})
}

func TestALimitEndsWithItsContextAndPassesErrorsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(why) })
		if err := layers.NewLimit(1).Over(pieces{1000, 1 << 20}).Stream(ctx, artifact.Repository{}, nil, nil, func(layers.Piece) error { return nil }); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		if err := layers.NewLimit(1<<30).Over(pieces{1, 1}).Stream(t.Context(), artifact.Repository{}, nil, nil, func(layers.Piece) error { return why }); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	})
	if s := (pieces{1, 1}); layers.NewLimit(0).Over(s) != layers.Source(s) {
		t.Error("no rate is a limit")
	}
}
