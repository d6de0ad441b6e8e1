package rpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// How often the client asks again for an act that a broken connection hides, if no
// message has come, and how long its first pause is. Each pause is twice the pause
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
	return &remoteWorkloads{client: c, stub: artifactv1.NewWorkloadServiceClient(c.conn), pause: cutPause, beyond: time.Minute}
}

func (w *remoteWorkloads) fail(ctx context.Context, err error) error {
	return w.client.fail(ctx, artifactv1.WorkloadService_ServiceDesc.ServiceName, err)
}

// progress hands on what a message of a stream reports about the work, if it is not the
// result. A sign of life is no event.
func progress(result bool, p *artifactv1.Progress, moved func(), emit func(workload.Event)) error {
	if result {
		return nil
	}
	moved()
	e, err := eventOf(p)
	if err == nil && e.Point != "" {
		emit(e)
	}
	return err
}

type remoteWorkloads struct {
	client *Client
	stub   artifactv1.WorkloadServiceClient
	pause  time.Duration
	// beyond is how much longer than the host's own limit the client waits for an act.
	beyond time.Duration
}

// Observe implements [workload.Observer].
func (w *remoteWorkloads) Observe(ctx context.Context, ref workload.Ref, probe bool) (workload.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.Observe(ctx, &artifactv1.ObserveRequest{Workload: refToProto(ref), Probe: probe})
	if err != nil {
		return workload.Observation{}, w.fail(ctx, err)
	}
	var f fields
	seen := f.observation(m.GetObservation())
	if f.err == nil && seen.Placement.Ref != ref {
		f.refuse("placement.workload", "another one than was asked for")
	}
	if p := seen.Pending; f.err == nil && p != nil && p.Change.Ref != ref {
		f.refuse("pending.change.workload", "another one than was asked for")
	}
	w.client.sign(&seen)
	return seen, malformed(f.err)
}

// sign marks what the host advises in an observation as the host's words.
func (c *Client) sign(o *workload.Observation) {
	if why := (*fault.Error)(nil); errors.As(o.Unread, &why) {
		why.From, why.Err = c.opts.Host, errors.New(fault.Says(c.opts.Host, quoted(why.Error())))
	}
	if o.EnvFile != nil {
		o.EnvFile.Fix = fault.Says(c.opts.Host, quoted(o.EnvFile.Fix))
	}
}

// Neighbours implements [workload.Observer].
func (w *remoteWorkloads) Neighbours(ctx context.Context, ref workload.Ref) (all []workload.Neighbour, _ error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.ListNeighbours(ctx, &artifactv1.ListNeighboursRequest{Workload: refToProto(ref)})
	if err != nil {
		return nil, w.fail(ctx, err)
	}
	var f fields
	f.few("neighbours", len(m.GetNeighbours()), maxNeighbours)
	for _, n := range m.GetNeighbours() {
		if f.err != nil {
			return nil, malformed(f.err)
		}
		all = append(all, f.neighbour(n))
	}
	return all, malformed(f.err)
}

// FindImage implements [workload.Observer].
func (w *remoteWorkloads) FindImage(ctx context.Context, ref workload.Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.FindImage(ctx, &artifactv1.FindImageRequest{Workload: refToProto(ref), Image: pinnedToProto(image)})
	if err != nil {
		return artifact.Image{}, false, w.fail(ctx, err)
	}
	if m.GetImage() == nil {
		return artifact.Image{}, false, nil
	}
	var f fields
	found := f.foundImage(m.GetImage())
	found.Pinned = image
	return found, f.err == nil, malformed(f.err)
}

// Logs implements [workload.Target].
func (w *remoteWorkloads) Logs(ctx context.Context, ref workload.Ref, instance string, tail workload.Tail) (workload.Output, error) {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	m, err := w.stub.Logs(ctx, &artifactv1.LogsRequest{
		Workload: refToProto(ref), Instance: instance, Lines: uint32(max(0, tail.Lines)), After: momentToProto(tail.After),
	})
	if err != nil {
		return workload.Output{}, w.fail(ctx, err)
	}
	var f fields
	f.few("lines", len(m.GetLines()), tail.Lines)
	for _, l := range m.GetLines() {
		f.told("lines", l)
	}
	out := workload.Output{Lines: m.GetLines(), Until: f.moment("until", m.GetUntil())}
	if f.err != nil {
		return workload.Output{}, malformed(f.err)
	}
	return out, nil
}

// Stage implements [workload.Target]. What crosses are names and digests: the host
// takes the image from its own registry.
func (w *remoteWorkloads) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	req := &artifactv1.StageRequest{Workload: refToProto(ref), Image: pinnedToProto(image)}
	return w.insist(ctx, stageLimit, func(ctx context.Context, moved func()) error {
		open := func(ctx context.Context) (grpc.ServerStreamingClient[artifactv1.StageResponse], error) {
			return w.stub.Stage(ctx, req)
		}
		return receive(ctx, w.client, artifactv1.WorkloadService_ServiceDesc.ServiceName, w.client.opts.Stall, open, func(m *artifactv1.StageResponse) (bool, error) {
			return m.GetResult() != nil, progress(m.GetResult() != nil, m.GetProgress(), moved, emit)
		})
	})
}

// Switch implements [workload.Target].
func (w *remoteWorkloads) Switch(ctx context.Context, change workload.Change, emit func(workload.Event)) error {
	req := &artifactv1.SwitchRequest{Change: changeToProto(change), Values: valuesToProto(change.Values)}
	return w.insist(ctx, switchLimit, func(ctx context.Context, moved func()) error {
		open := func(ctx context.Context) (grpc.ServerStreamingClient[artifactv1.SwitchResponse], error) {
			return w.stub.Switch(ctx, req)
		}
		return receive(ctx, w.client, artifactv1.WorkloadService_ServiceDesc.ServiceName, w.client.opts.Stall, open, func(m *artifactv1.SwitchResponse) (bool, error) {
			return m.GetResult() != nil, progress(m.GetResult() != nil, m.GetProgress(), moved, emit)
		})
	})
}

// Renew implements [workload.Target].
func (w *remoteWorkloads) Renew(ctx context.Context, ref workload.Ref, changeID string) error {
	ctx, cancel := context.WithTimeout(ctx, w.client.opts.Call)
	defer cancel()
	if _, err := w.stub.Renew(ctx, &artifactv1.RenewRequest{Workload: refToProto(ref), ChangeId: changeID}); err != nil {
		return w.fail(ctx, err)
	}
	return nil
}

// Settle implements [workload.Target]. Its events come with the answer.
func (w *remoteWorkloads) Settle(ctx context.Context, ref workload.Ref, s workload.Settlement, emit func(workload.Event)) error {
	req := &artifactv1.SettleRequest{Workload: refToProto(ref), ChangeId: s.ChangeID, Outcome: outcomeToProto(s.Outcome)}
	for _, c := range s.Proven {
		req.Proven = append(req.Proven, copyToProto(c))
	}
	for _, c := range s.Retire {
		req.Retire = append(req.Retire, c.String())
	}
	return w.insist(ctx, settleLimit, func(ctx context.Context, _ func()) error {
		m, err := w.stub.Settle(ctx, req)
		if err != nil {
			return w.fail(ctx, err)
		}
		if len(m.GetProgress()) > maxQueue {
			return malformed(fault.New(fault.InvalidRequest, "progress: more than %d entries", maxQueue))
		}
		for _, p := range m.GetProgress() {
			e, err := eventOf(p)
			if err != nil {
				return malformed(err)
			}
			if e.Point != "" {
				emit(e)
			}
		}
		return nil
	})
}

// insist does an act again when its connection broke. That is safe: the host has the act
// under way, or has ended it. limit is the most time that the host gives the act; a host
// that goes on reporting progress after it is not believed.
func (w *remoteWorkloads) insist(ctx context.Context, limit time.Duration, do func(ctx context.Context, moved func()) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit+w.beyond, fault.Transient(fault.Stalled, "the host has not ended it within the %v that it has for it", limit))
	defer cancel()
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
