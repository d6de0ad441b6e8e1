package agent

import (
	"context"
	"time"

	"google.golang.org/grpc/peer"
)

// withCaller makes a context as gRPC does for a call by c.
func withCaller(ctx context.Context, c caller) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: c})
}

// SetGrace shortens the time that calls get when the agent stops.
func (a *Agent) SetGrace(d time.Duration) { a.grace = d }
