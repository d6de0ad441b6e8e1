package layers

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// maxPiece is more than a piece has on the wire.
const maxPiece = 2 << 20

// Limit bounds the rate at which sources send. All sources under a limit share it. A nil
// limit bounds nothing.
type Limit struct{ limiter *rate.Limiter }

// NewLimit returns a limit of so many bytes a second on the wire; 0 is none.
func NewLimit(bytesPerSecond int64) *Limit {
	if bytesPerSecond == 0 {
		return nil
	}
	return &Limit{rate.NewLimiter(rate.Limit(bytesPerSecond), maxPiece)}
}

// Over returns the source under the limit. It takes each piece no sooner than the rate
// allows; what a connection has under way by then, some MiB, comes as fast as it can.
func (l *Limit) Over(s Source) Source {
	if l == nil {
		return s
	}
	return limited{s, l.limiter}
}

type limited struct {
	source  Source
	limiter *rate.Limiter
}

// Stream implements Source.
func (l limited) Stream(ctx context.Context, repo artifact.Repository, ranges []Range, bases []artifact.Digest, each func(Piece) error) error {
	return l.source.Stream(ctx, repo, ranges, bases, func(p Piece) error {
		if err := each(p); err != nil {
			return err
		}
		if err := l.limiter.WaitN(ctx, min(max(p.Wire, 1), maxPiece)); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("hold to the rate: %w", err) // ctx ends before the rate allows more
		}
		return nil
	})
}
