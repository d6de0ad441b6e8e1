package pull

import (
	"context"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// idleBody fails a body that sends nothing for a while. A time-out for the whole
// answer would fail a large layer on a slow reader instead: only time spent
// waiting for the registry counts.
type idleBody struct {
	ctx    context.Context //nolint:containedctx // the request's own, which only its body can end
	cancel context.CancelCauseFunc
	idle   time.Duration
	body   io.ReadCloser
	timer  *time.Timer
}

// Read reads, and distinguishes end of input from every way that a registry can die.
func (b *idleBody) Read(p []byte) (int, error) {
	if b.timer == nil {
		b.timer = time.AfterFunc(b.idle, func() {
			b.cancel(fault.Transient(fault.RegistryUnavailable, "registry sent nothing for %v", b.idle))
		})
	} else {
		b.timer.Reset(b.idle)
	}
	n, err := b.body.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract: EOF itself, never wrapped
		err = classify(b.ctx, err)
	}
	return n, err
}

// Close ends the request.
func (b *idleBody) Close() error {
	b.cancel(nil)
	return b.body.Close()
}
