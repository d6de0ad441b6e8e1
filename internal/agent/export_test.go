package agent

import (
	"context"
	"time"

	"google.golang.org/grpc/peer"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// withCaller makes a context as gRPC does for a call by c.
func withCaller(ctx context.Context, c caller) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: c})
}

// SetGrace shortens the time that calls get when the agent stops.
func (a *Agent) SetGrace(d time.Duration) { a.grace = d }

// Tap has f hear of each event of a switch or a settlement before a caller does.
func (a *Agent) Tap(f func(workload.Event)) {
	for name, one := range a.placed.projects {
		one.target = tapped{one.target, f}
		a.placed.projects[name] = one
	}
}

type tapped struct {
	workload.Target
	f func(workload.Event)
}

func (t tapped) Switch(ctx context.Context, c workload.Change, emit func(workload.Event)) error {
	return t.Target.Switch(ctx, c, func(e workload.Event) { t.f(e); emit(e) })
}

func (t tapped) Settle(ctx context.Context, ref workload.Ref, s workload.Settlement, emit func(workload.Event)) error {
	return t.Target.Settle(ctx, ref, s, func(e workload.Event) { t.f(e); emit(e) })
}
