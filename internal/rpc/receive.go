package rpc

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// receive reads a stream of progress until its end: a single result, and nothing after
// it. step parses a message and reports whether it is the result. receive fails with
// STALLED if nothing comes for as long as stall.
func receive[M any](ctx context.Context, c *Client, service string, stall time.Duration,
	open func(context.Context) (grpc.ServerStreamingClient[M], error), step func(*M) (result bool, err error),
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the call wherever this returns
	watch := newStallWatch(c.link, stall, cancel)
	defer watch.stop()
	stream, err := open(ctx)
	if err != nil {
		return c.fail(ctx, service, err)
	}
	for ended := false; ; {
		watch.start()
		m, err := stream.Recv()
		watch.stop()
		switch {
		case errors.Is(err, io.EOF) && ended:
			return nil
		case errors.Is(err, io.EOF):
			return fault.Transient(fault.HostUnreachable, "the agent ended the stream without a result")
		case err != nil:
			return c.fail(ctx, service, err)
		case ended:
			return malformed(fault.New(fault.InvalidRequest, "something comes after the result"))
		}
		if ended, err = step(m); err != nil {
			return malformed(err)
		}
	}
}

// malformed is the fault of an agent whose answer breaks the contract.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Internal, "the agent's answer is malformed: %w", err)
}
