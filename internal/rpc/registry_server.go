package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

const (
	// installLimit bounds an installation, but for putting things back.
	installLimit = 5 * time.Minute
	// installGrace is how long an installation gets to end when the agent stops; then
	// what was there is put back. The unit's TimeoutStopSec has room for both.
	installGrace = time.Minute
)

// RegistryHost reads and installs the registry that RegistryService manages.
// Errors are faults. Settings and hashes that it is given are valid.
type RegistryHost interface {
	// Inspect reads what there is. What cannot be read is in the facts.
	Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error)
	// Install makes it match the settings, and refuses if the settings do not have the
	// expected hashes. It is called once at a time. If ctx ends it puts back what was
	// there.
	Install(ctx context.Context, s registry.Settings, expected registry.Hashes, emit func(registry.Progress)) (registry.Installed, error)
}

// Registry serves RegistryService from a host. Every field of a request is parsed
// before the host hears of it. An installation goes on when its caller has gone: the
// same request attaches to it, another is refused as BUSY.
type Registry struct {
	artifactv1.UnimplementedRegistryServiceServer
	host RegistryHost
	jobs *jobs[registry.Progress, registry.Installed]
}

// NewRegistry returns the service of the registry of a host.
func NewRegistry(host RegistryHost, log *slog.Logger) *Registry {
	full := func(holder string) error {
		return fault.Transient(fault.Busy, "another installation of the registry runs on this host: %s", holder).
			WithHint("wait for it, then look at what it did").WithAction(fault.RegistryStatus)
	}
	return &Registry{host: host, jobs: newJobs[registry.Progress, registry.Installed](rules[registry.Progress]{
		log: log, most: 1, full: full, grace: installGrace,
	})}
}

// Register puts the service on a server made with ServerOptions.
func (s *Registry) Register(r grpc.ServiceRegistrar) { artifactv1.RegisterRegistryServiceServer(r, s) }

// Close waits for an installation that is under way, ends it if it takes longer than
// a minute, and lets none begin.
func (s *Registry) Close() { s.jobs.close() }

// Inspect implements the contract.
func (s *Registry) Inspect(ctx context.Context, req *artifactv1.InspectRequest) (*artifactv1.InspectResponse, error) {
	var f fields
	settings := f.settings(req.GetSettings())
	if f.err != nil {
		return nil, f.err
	}
	facts, err := s.host.Inspect(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("inspect the registry: %w", err)
	}
	return &artifactv1.InspectResponse{Facts: factsToProto(facts)}, nil
}

// Install implements the contract. No sign of life is sent: the contract has none for
// an installation, and a step is over before the client takes silence for an end.
func (s *Registry) Install(req *artifactv1.InstallRequest, stream grpc.ServerStreamingServer[artifactv1.InstallResponse]) error {
	var f fields
	settings, expected := f.settings(req.GetSettings()), f.hashes(req.GetExpected())
	if f.err != nil {
		return f.err
	}
	key, err := keyOf("install", req)
	if err != nil {
		return err
	}
	one, err := s.jobs.attach(stream.Context(), act[registry.Progress, registry.Installed]{
		key: key, limit: installLimit,
		name: fmt.Sprintf("%s at %s in %s, begun at %s", settings.Image, settings.Endpoint, settings.Directory, plain.Stamp(time.Now())),
		do: func(ctx context.Context, emit func(registry.Progress)) (registry.Installed, error) {
			return s.host.Install(ctx, settings, expected, emit)
		},
	})
	if err != nil {
		return err
	}
	installed, err := one.follow(stream.Context(), 0, func(p registry.Progress) error {
		return stream.Send(&artifactv1.InstallResponse{Step: &artifactv1.InstallResponse_Progress{Progress: progressToProto(p)}})
	})
	if err != nil {
		return fmtErr(err, "install the registry")
	}
	return stream.Send(&artifactv1.InstallResponse{Step: &artifactv1.InstallResponse_Result{Result: installedToProto(installed)}})
}
