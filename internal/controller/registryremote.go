package controller

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// InspectRegistry reads what there is of the registry.
func (r *remote) InspectRegistry(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	client, err := r.connect(ctx)
	if err != nil {
		return registry.Facts{}, err
	}
	return client.Inspect(ctx, s)
}

// InstallRegistry makes it what the settings say; each step is told when it is done.
func (r *remote) InstallRegistry(ctx context.Context, s registry.Settings, expected registry.Hashes, each func(registry.Progress)) (registry.Installed, error) {
	client, err := r.connect(ctx)
	if err != nil {
		return registry.Installed{}, err
	}
	return client.Install(ctx, s, expected, each)
}
