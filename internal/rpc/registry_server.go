package rpc

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// RegistryHost reads and installs the registry that RegistryService manages.
// Errors are faults. Settings and hashes that it is given are valid.
type RegistryHost interface {
	// Inspect reads what there is. What cannot be read is in the facts.
	Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error)
	// Install makes it what the settings say, and refuses when that is not what
	// expected says. It goes on when ctx ends. emit may be called at any time, also
	// when nobody listens any more.
	Install(ctx context.Context, s registry.Settings, expected registry.Hashes, emit func(registry.Progress)) (registry.Installed, error)
}

type registryServer struct {
	artifactv1.UnimplementedRegistryServiceServer
	host RegistryHost
}

// Inspect implements the contract.
func (s *registryServer) Inspect(ctx context.Context, req *artifactv1.InspectRequest) (*artifactv1.InspectResponse, error) {
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

// Install implements the contract.
func (s *registryServer) Install(req *artifactv1.InstallRequest, stream grpc.ServerStreamingServer[artifactv1.InstallResponse]) error {
	var f fields
	settings, expected := f.settings(req.GetSettings()), f.hashes(req.GetExpected())
	if f.err != nil {
		return f.err
	}
	r := relay{stream: stream}
	installed, err := s.host.Install(stream.Context(), settings, expected, r.emit)
	r.end()
	if err != nil {
		return fmt.Errorf("install the registry: %w", err)
	}
	return stream.Send(&artifactv1.InstallResponse{Step: &artifactv1.InstallResponse_Result{Result: installedToProto(installed)}})
}

// relay hands progress on for as long as there is somebody to have it: the act
// outlives the stream, which nobody may send on once its handler has returned.
type relay struct {
	mu     sync.Mutex
	stream grpc.ServerStreamingServer[artifactv1.InstallResponse]
	ended  bool
}

// emit sends, or does nothing: a client that has gone does not stop an installation.
func (r *relay) emit(p registry.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	err := r.stream.Send(&artifactv1.InstallResponse{Step: &artifactv1.InstallResponse_Progress{Progress: progressToProto(p)}})
	r.ended = err != nil
}

// end waits for what is being sent and lets nothing follow.
func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
