package cri

import (
	"context"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Version is the name and version that a runtime reports.
type Version struct{ Name, Version string }

// Version asks CRI, which answers when it is ready to pull.
func (s *Store) Version(ctx context.Context) (Version, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	v, err := s.runtime.Version(ctx, &runtime.VersionRequest{})
	if err != nil {
		return Version{}, s.explain(ctx, err, "ask the runtime's version")
	}
	return Version{Name: line(v.RuntimeName), Version: line(v.RuntimeVersion)}, nil
}
