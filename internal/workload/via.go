package workload

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Via returns a target that asks find, at every call, for the one that knows the
// workload. Where find fails, the call fails with its error.
func Via(find func(context.Context, Ref) (Target, error)) Target { return via(find) }

type via func(context.Context, Ref) (Target, error)

// Observe implements [Observer].
func (v via) Observe(ctx context.Context, spec Spec, probe bool) (Observation, error) {
	t, err := v(ctx, spec.Ref)
	if err != nil {
		return Observation{}, err
	}
	return t.Observe(ctx, spec, probe)
}

// Containers implements [Observer].
func (v via) Containers(ctx context.Context, spec Spec) ([]Container, error) {
	t, err := v(ctx, spec.Ref)
	if err != nil {
		return nil, err
	}
	return t.Containers(ctx, spec)
}

// Stage implements [Target].
func (v via) Stage(ctx context.Context, spec Spec, image artifact.Image, emit func(Event)) error {
	t, err := v(ctx, spec.Ref)
	if err != nil {
		return err
	}
	return t.Stage(ctx, spec, image, emit)
}

// Switch implements [Target].
func (v via) Switch(ctx context.Context, change Change, emit func(Event)) error {
	t, err := v(ctx, change.Spec.Ref)
	if err != nil {
		return err
	}
	return t.Switch(ctx, change, emit)
}

// Settle implements [Target].
func (v via) Settle(ctx context.Context, spec Spec, settlement Settlement, emit func(Event)) error {
	t, err := v(ctx, spec.Ref)
	if err != nil {
		return err
	}
	return t.Settle(ctx, spec, settlement, emit)
}

// Logs implements [Target].
func (v via) Logs(ctx context.Context, spec Spec, instance string, lines int) ([]string, error) {
	t, err := v(ctx, spec.Ref)
	if err != nil {
		return nil, err
	}
	return t.Logs(ctx, spec, instance, lines)
}
