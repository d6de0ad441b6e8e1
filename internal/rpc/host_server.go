package rpc

import (
	"context"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
)

// Host reads facts about the host that an agent serves.
type Host interface {
	// Describe reads them now. What cannot be read is left out.
	Describe(ctx context.Context) (Description, error)
}

type hostServer struct {
	artifactv1.UnimplementedHostServiceServer
	host Host
}

// Describe implements the contract.
func (s *hostServer) Describe(ctx context.Context, _ *artifactv1.DescribeRequest) (*artifactv1.DescribeResponse, error) {
	d, err := s.host.Describe(ctx)
	if err != nil {
		return nil, err
	}
	return descriptionToProto(d), nil
}
