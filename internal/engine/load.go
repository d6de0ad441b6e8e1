package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Load loads the archive and reads the engine's answer to its end. A load that
// neither takes bytes nor answers for as long as stall is given up as
// ENGINE_FAILED; an engine gives no sign of life while containerd's store
// unpacks, so stall must be longer than that takes.
//
// A name that the archive did not ask for is taken off again, and is a failure.
// The image itself is not checked here: that is [Client.Image].
func (c *Client) Load(ctx context.Context, a Archive, stall time.Duration) (Loaded, error) {
	ctx, alive, stop := watch(ctx, stall, fault.Transient(fault.EngineFailed, "engine gave no sign of life for %v during a load", stall).
		WithHint("if loads keep stalling, the engine is stuck (moby/moby#51623) and has to be restarted, as root: systemctl restart docker"))
	defer stop()
	archive := &watched{ReadCloser: a.Reader(), alive: alive}
	defer archive.Close()
	answer, err := c.postLoad(ctx, archive)
	if err == nil {
		defer answer.Close()
		var loaded Loaded
		if loaded, err = readAnswer(answer, func(line) { alive() }); err == nil {
			return loaded, c.refuseForeign(ctx, loaded.References, a.Tag)
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return Loaded{}, cause
	}
	if cause := archive.err.Load(); cause != nil {
		return Loaded{}, *cause // the engine's complaint about half an archive is only its echo
	}
	return Loaded{}, err
}

// watch ends ctx with a cause when alive is not called for as long as stall.
func watch(ctx context.Context, stall time.Duration, cause error) (watched context.Context, alive, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	watchdog := time.AfterFunc(stall, func() { cancel(cause) })
	stop = func() {
		watchdog.Stop()
		cancel(nil)
	}
	return watched, func() { watchdog.Reset(stall) }, stop
}

// refuseForeign removes every name but want. It fails unless the load made want and no other.
func (c *Client) refuseForeign(ctx context.Context, references []string, want string) error {
	var errs []error
	for _, ref := range references {
		if artifact.Familiar(ref) != artifact.Familiar(want) {
			errs = append(errs, fault.New(fault.EngineFailed, "load made the name %q, which was not asked for", ref), c.Untag(ctx, ref))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fault.New(fault.EngineFailed, "%w", err)
	}
	if want != "" && !slices.ContainsFunc(references, func(r string) bool { return artifact.Familiar(r) == artifact.Familiar(want) }) {
		return fault.New(fault.EngineFailed, "load did not make the name %q", want)
	}
	return nil
}

// watched reports each read, and keeps the error that ended them: the HTTP client may
// go on reading after it has returned the answer.
type watched struct {
	io.ReadCloser
	alive func()
	err   atomic.Pointer[error]
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.alive()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		w.err.Store(&err)
	}
	return n, err
}
