package rpc

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// How often an act that a broken connection hides is asked for again without
// anything having come, and how long the first pause is; each is twice the one
// before. Half a minute in all: longer than an agent takes to be started again.
const (
	maxCuts  = 5
	cutPause = time.Second
)

// Workloads returns the workloads of the agent's host. Stage, Switch and Settle
// survive broken connections: the host goes on, the client connects again and
// attaches. An error of HOST_UNREACHABLE or STALLED means that it does not know how
// the act ended; the host does.
func (c *Client) Workloads() workload.Target {
	return &remoteWorkloads{client: c, stub: artifactv1.NewWorkloadServiceClient(c.conn), pause: cutPause}
}

type remoteWorkloads struct {
	client *Client
	stub   artifactv1.WorkloadServiceClient
	pause  time.Duration
}

// Observe implements [workload.Observer].
func (w *remoteWorkloads) Observe(ctx context.Context, spec workload.Spec, probe bool) (workload.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.Observe(ctx, &artifactv1.ObserveRequest{Workload: workloadToProto(spec), Probe: probe})
	if err != nil {
		return workload.Observation{}, w.client.fail(ctx, err)
	}
	var f fields
	seen := f.observation(m.GetObservation())
	if p := seen.Pending; f.err == nil && p != nil && p.Change.Spec.Ref.String() != spec.Ref.String() {
		f.refuse("pending.change.workload", "another one than was asked for")
	}
	return seen, malformed(f.err)
}

// Containers implements [workload.Observer].
func (w *remoteWorkloads) Containers(ctx context.Context, spec workload.Spec) (all []workload.Container, _ error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.ListContainers(ctx, &artifactv1.ListContainersRequest{Workload: workloadToProto(spec)})
	if err != nil {
		return nil, w.client.fail(ctx, err)
	}
	var f fields
	f.few("containers", len(m.GetContainers()), maxContainers)
	for _, c := range m.GetContainers() {
		if f.err != nil {
			return nil, malformed(f.err)
		}
		all = append(all, f.container(c))
	}
	return all, malformed(f.err)
}

// Logs implements [workload.Target].
func (w *remoteWorkloads) Logs(ctx context.Context, spec workload.Spec, instance string, lines int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.Logs(ctx, &artifactv1.LogsRequest{Workload: workloadToProto(spec), Instance: instance, Lines: uint32(max(0, lines))})
	if err != nil {
		return nil, w.client.fail(ctx, err)
	}
	var f fields
	f.few("lines", len(m.GetLines()), lines)
	for _, l := range m.GetLines() {
		f.told("lines", l)
	}
	if f.err != nil {
		return nil, malformed(f.err)
	}
	return m.GetLines(), nil
}

// malformed is the fault of an agent that answers what cannot be.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Internal, "the agent's answer is malformed: %w", err)
}

// Stage implements [workload.Target]. What crosses are names and digests: the host
// takes the image from its own registry.
func (w *remoteWorkloads) Stage(ctx context.Context, spec workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	req := &artifactv1.StageRequest{
		Workload: workloadToProto(spec), ConfigDigest: image.Config.String(), Bytes: uint64(image.Size()),
		Image: &artifactv1.Image{
			Repository: image.Repository.String(), Commit: image.Commit.String(),
			IndexDigest: image.Index.String(), ManifestDigest: image.Manifest.String(),
		},
	}
	return w.insist(ctx, func(ctx context.Context, moved func()) error {
		open := func(ctx context.Context) (grpc.ServerStreamingClient[artifactv1.StageResponse], error) {
			return w.stub.Stage(ctx, req)
		}
		return receive(ctx, w.client, open, moved, emit, func(m *artifactv1.StageResponse) (*artifactv1.Progress, bool) {
			return m.GetProgress(), m.GetResult() != nil
		})
	})
}

// Switch implements [workload.Target].
func (w *remoteWorkloads) Switch(ctx context.Context, change workload.Change, emit func(workload.Event)) error {
	req := &artifactv1.SwitchRequest{Change: changeToProto(change)}
	return w.insist(ctx, func(ctx context.Context, moved func()) error {
		open := func(ctx context.Context) (grpc.ServerStreamingClient[artifactv1.SwitchResponse], error) {
			return w.stub.Switch(ctx, req)
		}
		return receive(ctx, w.client, open, moved, emit, func(m *artifactv1.SwitchResponse) (*artifactv1.Progress, bool) {
			return m.GetProgress(), m.GetResult() != nil
		})
	})
}

// Settle implements [workload.Target]. The contract has no progress for it.
func (w *remoteWorkloads) Settle(ctx context.Context, spec workload.Spec, s workload.Settlement, _ func(workload.Event)) error {
	req := &artifactv1.SettleRequest{Workload: workloadToProto(spec), ChangeId: s.ChangeID, Outcome: outcomeToProto(s.Outcome)}
	for _, c := range s.Retire {
		req.Retire = append(req.Retire, c.String())
	}
	return w.insist(ctx, func(ctx context.Context, _ func()) error {
		ctx, cancel := context.WithTimeout(ctx, settleLimit+time.Minute)
		defer cancel()
		if _, err := w.stub.Settle(ctx, req); err != nil {
			return w.client.fail(ctx, err)
		}
		return nil
	})
}

// insist does an act again when the connection to it broke. It may be done
// again: it is the host that has it under way, or has ended it.
func (w *remoteWorkloads) insist(ctx context.Context, do func(ctx context.Context, moved func()) error) error {
	for cuts := 0; ; cuts++ {
		err := do(ctx, func() { cuts = 0 })
		reason := fault.ReasonOf(err)
		if err == nil || !fault.Retryable(err) || reason != fault.HostUnreachable && reason != fault.Stalled || cuts >= maxCuts {
			return err
		}
		pause := time.NewTimer(w.pause << cuts)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// receive hands on the events of a stream and returns nil once the one result has
// come, and nothing after it.
func receive[M any](ctx context.Context, c *Client, open func(context.Context) (grpc.ServerStreamingClient[M], error),
	moved func(), emit func(workload.Event), step func(*M) (*artifactv1.Progress, bool),
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // ends the call wherever this returns
	watch := newStallWatch(c.link, c.opts.Stall, cancel)
	defer watch.stop()
	stream, err := open(ctx)
	if err != nil {
		return c.fail(ctx, err)
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
			return c.fail(ctx, err)
		case ended:
			return malformed(fault.New(fault.InvalidRequest, "something comes after the result"))
		}
		p, result := step(m)
		if ended = result; ended {
			continue
		}
		moved()
		e, err := eventOf(p)
		if err != nil {
			return malformed(err)
		}
		if e.Point != "" {
			emit(e)
		}
	}
}

// eventOf parses progress. A point that is not known here is a newer agent's.
func eventOf(p *artifactv1.Progress) (workload.Event, error) {
	var f fields
	if p == nil {
		f.refuse("step", "neither progress nor a result")
	}
	e := workload.Event{
		Point: workload.Point(f.words("progress.point", p.GetPoint(), 64)), Text: f.told("progress.text", p.GetText()),
		Done: int64(min(p.GetDoneBytes(), math.MaxInt64)), Total: int64(min(p.GetTotalBytes(), math.MaxInt64)),
	}
	return e, f.err
}
