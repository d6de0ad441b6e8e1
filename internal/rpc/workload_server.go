package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// How long acts may take, whatever caller waits for them. A pull has a limit on silence
// of its own; a switch may wait for another's lock, then for Compose.
const (
	stageLimit  = 2 * time.Hour
	switchLimit = 15 * time.Minute
	settleLimit = 15 * time.Minute
	// maxJobs is how many of these acts an agent has under way at once. The target's
	// lock, which holds against other processes as well, puts those of a workload in
	// order.
	maxJobs = 16
	// quiet is how long a stream of progress sends nothing.
	quiet = 10 * time.Second
	// maxAhead is how far ahead a change's deadline may be.
	maxAhead = 24 * time.Hour
	// maxLines is the most of a container's output that is asked for at once.
	maxLines = 1000
)

// Workloads serves WorkloadService from a target. Every field of a request is
// parsed before the target hears of it.
type Workloads struct {
	artifactv1.UnimplementedWorkloadServiceServer
	target workload.Target
	jobs   *jobs[workload.Event, struct{}]
	quiet  time.Duration
}

// NewWorkloads returns the service of what target can reach.
func NewWorkloads(target workload.Target, log *slog.Logger) *Workloads {
	return &Workloads{target: target, quiet: quiet, jobs: newJobs[workload.Event, struct{}](rules[workload.Event]{
		log: log, most: maxJobs,
		stopped: func(error) error { return stopping() },
		full:    func(string) error { return fault.Transient(fault.Busy, "%d jobs are under way already", maxJobs) },
		replaces: func(next, last workload.Event) bool { // the newer count is better
			return next.Total > 0 && last.Total > 0 && last.Point == next.Point
		},
	})}
}

// Register puts the service on a server made with ServerOptions.
func (s *Workloads) Register(r grpc.ServiceRegistrar) { artifactv1.RegisterWorkloadServiceServer(r, s) }

// Close ends what is under way, waits for what must not be left half done and
// lets nothing begin.
func (s *Workloads) Close() { s.jobs.close() }

// Observe implements the contract.
func (s *Workloads) Observe(ctx context.Context, req *artifactv1.ObserveRequest) (*artifactv1.ObserveResponse, error) {
	var f fields
	ref := f.ref(req.GetWorkload())
	if f.err != nil {
		return nil, f.err
	}
	seen, err := s.target.Observe(ctx, ref, req.GetProbe())
	if err != nil {
		return nil, fmt.Errorf("observe %s: %w", ref, err)
	}
	return &artifactv1.ObserveResponse{Observation: observationToProto(seen)}, nil
}

// ListNeighbours implements the contract.
func (s *Workloads) ListNeighbours(ctx context.Context, req *artifactv1.ListNeighboursRequest) (*artifactv1.ListNeighboursResponse, error) {
	var f fields
	ref := f.ref(req.GetWorkload())
	if f.err != nil {
		return nil, f.err
	}
	all, err := s.target.Neighbours(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("list what runs beside %s: %w", ref, err)
	}
	m := &artifactv1.ListNeighboursResponse{}
	for _, n := range all {
		m.Neighbours = append(m.Neighbours, neighbourToProto(n))
	}
	return m, nil
}

// FindImage implements the contract.
func (s *Workloads) FindImage(ctx context.Context, req *artifactv1.FindImageRequest) (*artifactv1.FindImageResponse, error) {
	var f fields
	ref, image := f.ref(req.GetWorkload()), f.pinned(req.GetImage())
	if image.Repository == (artifact.Repository{}) {
		f.refuse("image.repository", "is missing")
	}
	if f.err != nil {
		return nil, f.err
	}
	found, there, err := s.target.FindImage(ctx, ref, image)
	if err != nil {
		return nil, fmt.Errorf("find the image of %s: %w", image.Commit.Short(), err)
	}
	m := &artifactv1.FindImageResponse{}
	if there {
		m.Image = foundImageToProto(found)
	}
	return m, nil
}

// Logs implements the contract.
func (s *Workloads) Logs(ctx context.Context, req *artifactv1.LogsRequest) (*artifactv1.LogsResponse, error) {
	var f fields
	ref := f.ref(req.GetWorkload())
	instance := f.match("instance", idForm, req.GetInstance())
	after := f.moment("after", req.GetAfter())
	if n := req.GetLines(); n < 1 || n > maxLines {
		f.refuse("lines", fmt.Sprintf("not 1 to %d", maxLines))
	}
	if f.err != nil {
		return nil, f.err
	}
	out, err := s.target.Logs(ctx, ref, instance, workload.Tail{Lines: int(req.GetLines()), After: after})
	if err != nil {
		return nil, fmt.Errorf("read the output of %s: %w", ref, err)
	}
	return &artifactv1.LogsResponse{Lines: visibleAll(lastOf(out.Lines, maxWords)), Until: momentToProto(out.Until)}, nil
}

// lastOf are the last lines that are together not longer than most.
func lastOf(lines []string, most int) []string {
	for i := len(lines) - 1; i >= 0; i-- {
		if most -= len(lines[i]) + 1; most < 0 {
			return lines[i+1:]
		}
	}
	return lines
}

// Stage implements the contract.
func (s *Workloads) Stage(req *artifactv1.StageRequest, stream grpc.ServerStreamingServer[artifactv1.StageResponse]) error {
	var f fields
	ref := f.ref(req.GetWorkload())
	image := f.pinned(req.GetImage())
	if image.Repository == (artifact.Repository{}) {
		f.refuse("image.repository", "is missing")
	}
	if f.err != nil {
		return f.err
	}
	one, err := s.begin(stream.Context(), "stage", ref, req, stageLimit, func(ctx context.Context, emit func(workload.Event)) error {
		return s.target.Stage(ctx, ref, image, emit)
	})
	if err != nil {
		return err
	}
	_, err = one.follow(stream.Context(), s.quiet, func(e workload.Event) error {
		return stream.Send(&artifactv1.StageResponse{Step: &artifactv1.StageResponse_Progress{Progress: eventToProto(e)}})
	})
	if err != nil {
		return fmtErr(err, "stage "+image.Commit.Short())
	}
	return stream.Send(&artifactv1.StageResponse{Step: &artifactv1.StageResponse_Result{Result: &artifactv1.StageResult{}}})
}

// Switch implements the contract.
func (s *Workloads) Switch(req *artifactv1.SwitchRequest, stream grpc.ServerStreamingServer[artifactv1.SwitchResponse]) error {
	var f fields
	change := f.change(req.GetChange())
	change.Values = f.values(req.GetValues())
	if len(change.Stamps) == 0 {
		f.refuse("change.stamps", "no deploy keys")
	}
	if change.Holder == "" {
		f.refuse("change.holder", "is missing")
	}
	if change.Deadline.IsZero() || time.Until(change.Deadline) > maxAhead {
		f.refuse("change.deadline", "missing, or more than a day ahead by this host's clock")
	}
	if f.err != nil {
		return f.err
	}
	one, err := s.begin(stream.Context(), "switch", change.Ref, req, switchLimit, func(ctx context.Context, emit func(workload.Event)) error {
		return s.target.Switch(ctx, change, emit)
	})
	if err != nil {
		return err
	}
	_, err = one.follow(stream.Context(), s.quiet, func(e workload.Event) error {
		return stream.Send(&artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Progress{Progress: eventToProto(e)}})
	})
	if err != nil {
		return fmtErr(err, "switch to "+change.Image.Commit.Short())
	}
	return stream.Send(&artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Result{Result: &artifactv1.SwitchResult{}}})
}

// Renew implements the contract.
func (s *Workloads) Renew(ctx context.Context, req *artifactv1.RenewRequest) (*artifactv1.RenewResponse, error) {
	var f fields
	ref, id := f.ref(req.GetWorkload()), f.match("change_id", changeForm, req.GetChangeId())
	if f.err != nil {
		return nil, f.err
	}
	if err := s.target.Renew(ctx, ref, id); err != nil {
		return nil, fmt.Errorf("renew the lease of %s: %w", id, err)
	}
	return &artifactv1.RenewResponse{}, nil
}

// Settle implements the contract.
func (s *Workloads) Settle(ctx context.Context, req *artifactv1.SettleRequest) (*artifactv1.SettleResponse, error) {
	var f fields
	ref := f.ref(req.GetWorkload())
	settlement := workload.Settlement{
		ChangeID: f.match("change_id", changeForm, req.GetChangeId()), Outcome: f.outcome("outcome", req.GetOutcome()),
	}
	f.few("proven", len(req.GetProven()), maxList)
	for _, c := range req.GetProven() {
		settlement.Proven = append(settlement.Proven, f.copy(c))
	}
	f.few("retire", len(req.GetRetire()), maxList)
	for _, c := range req.GetRetire() {
		settlement.Retire = append(settlement.Retire, f.commit("retire", c))
	}
	if f.err != nil {
		return nil, f.err
	}
	one, err := s.begin(ctx, "settle", ref, req, settleLimit, func(ctx context.Context, emit func(workload.Event)) error {
		return s.target.Settle(ctx, ref, settlement, emit)
	})
	if err != nil {
		return nil, err
	}
	events, err := one.wait(ctx)
	if err != nil {
		return nil, fmtErr(err, "settle "+settlement.ChangeID)
	}
	m := &artifactv1.SettleResponse{}
	for _, e := range events {
		m.Progress = append(m.Progress, eventToProto(e))
	}
	return m, nil
}

// begin starts the act that a request asks for, or finds it. The journal gets its
// warnings, and all of a settlement's events, whatever caller listens.
func (s *Workloads) begin(
	ctx context.Context, what string, ref workload.Ref, req proto.Message, limit time.Duration, do func(context.Context, func(workload.Event)) error,
) (*job[workload.Event, struct{}], error) {
	key, err := keyOf(what, req)
	if err != nil {
		return nil, err
	}
	return s.jobs.attach(ctx, act[workload.Event, struct{}]{key: key, name: what, limit: limit, do: func(ctx context.Context, emit func(workload.Event)) (struct{}, error) {
		return struct{}{}, do(ctx, func(e workload.Event) {
			if e.Warning || e.Point == workload.PointSettle {
				s.jobs.log.Log(ctx, e.Level(), "working on a workload", slog.String("act", what), slog.String("target", ref.String()), slog.String("step", string(e.Point)), slog.String("text", e.Text))
			}
			emit(e)
		})
	}})
}

// fmtErr adds what was being done; a status stays what it is.
func fmtErr(err error, doing string) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return err
}
