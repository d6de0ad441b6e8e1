package rpc

import (
	"testing"
	"time"

	"google.golang.org/grpc"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// forever is an agent whose acts report progress and do not end.
type forever struct {
	artifactv1.UnimplementedWorkloadServiceServer
}

func (forever) Stage(_ *artifactv1.StageRequest, s grpc.ServerStreamingServer[artifactv1.StageResponse]) error {
	return report(s, &artifactv1.StageResponse{Step: &artifactv1.StageResponse_Progress{Progress: &artifactv1.Progress{}}})
}

func (forever) Switch(_ *artifactv1.SwitchRequest, s grpc.ServerStreamingServer[artifactv1.SwitchResponse]) error {
	return report(s, &artifactv1.SwitchResponse{Step: &artifactv1.SwitchResponse_Progress{Progress: &artifactv1.Progress{}}})
}

func report[M any](s grpc.ServerStreamingServer[M], m *M) error {
	for {
		if err := s.Send(m); err != nil {
			return err
		}
	}
}

func TestAnActThatReportsProgressForEverIsGivenUp(t *testing.T) {
	t.Parallel()
	w := serve(t, func(s *grpc.Server) { artifactv1.RegisterWorkloadServiceServer(s, forever{}) }).workloads(t).(*remoteWorkloads)
	ref, image := workloadtest.Ref("fake", "sample"), sampleImages(t)[0].Pinned
	w.beyond = 100*time.Millisecond - stageLimit
	wantReason(t, w.Stage(t.Context(), ref, image, func(workload.Event) {}), fault.Stalled, true)
	w.beyond = 100*time.Millisecond - switchLimit
	wantReason(t, w.Switch(t.Context(), workload.Change{ID: "c", Ref: ref, Image: image}, func(workload.Event) {}), fault.Stalled, true)
}
