package cri

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/api/services/images/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// SetLimits shortens what a test would wait for.
func (s *Store) SetLimits(silence, adoption time.Duration) { s.silence, s.adoption = silence, adoption }

// Dialled makes err what the last attempt to reach the socket gave.
func (s *Store) Dialled(err error) { s.dialled.Store(&err) }

// Unavailable returns the error of a call that did not reach containerd.
func (s *Store) Unavailable(err error) error { return s.unavailable(err, "ask") }

// Held returns the names of ours in a repository, in order.
func (s *Store) Held(ctx context.Context, repository artifact.Repository) (names []string, err error) {
	ctx, cancel := short(ctx)
	defer cancel()
	answer, err := s.names.List(ctx, &images.ListImagesRequest{Filters: []string{`labels."` + OwnLabel + `"`}})
	if err != nil {
		return nil, s.explain(ctx, err, "list the names of images")
	}
	for _, record := range answer.Images {
		if strings.HasPrefix(record.Name, s.registry+"/"+repository.String()+":") {
			names = append(names, record.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
