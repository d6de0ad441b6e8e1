package workload

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Via returns a target that asks find, at every call, for the target that knows the
// workload. If find fails, the call fails with its error.
func Via(find func(context.Context, Ref) (Target, error)) Target { return via(find) }

type via func(context.Context, Ref) (Target, error)

// Observe implements [Observer].
func (v via) Observe(ctx context.Context, ref Ref, probe bool) (Observation, error) {
	t, err := v(ctx, ref)
	if err != nil {
		return Observation{}, err
	}
	return t.Observe(ctx, ref, probe)
}

// Neighbours implements [Observer].
func (v via) Neighbours(ctx context.Context, ref Ref) ([]Neighbour, error) {
	t, err := v(ctx, ref)
	if err != nil {
		return nil, err
	}
	return t.Neighbours(ctx, ref)
}

// FindImage implements [Observer].
func (v via) FindImage(ctx context.Context, ref Ref, image artifact.Pinned) (artifact.Image, bool, error) {
	t, err := v(ctx, ref)
	if err != nil {
		return artifact.Image{}, false, err
	}
	return t.FindImage(ctx, ref, image)
}

// Stage implements [Target].
func (v via) Stage(ctx context.Context, ref Ref, image artifact.Pinned, emit func(Event)) error {
	t, err := v(ctx, ref)
	if err != nil {
		return err
	}
	return t.Stage(ctx, ref, image, emit)
}

// Switch implements [Target].
func (v via) Switch(ctx context.Context, change Change, emit func(Event)) error {
	t, err := v(ctx, change.Ref)
	if err != nil {
		return err
	}
	return t.Switch(ctx, change, emit)
}

// Renew implements [Target].
func (v via) Renew(ctx context.Context, ref Ref, changeID string) error {
	t, err := v(ctx, ref)
	if err != nil {
		return err
	}
	return t.Renew(ctx, ref, changeID)
}

// Settle implements [Target].
func (v via) Settle(ctx context.Context, ref Ref, settlement Settlement, emit func(Event)) error {
	t, err := v(ctx, ref)
	if err != nil {
		return err
	}
	return t.Settle(ctx, ref, settlement, emit)
}

// Logs implements [Target].
func (v via) Logs(ctx context.Context, ref Ref, instance string, tail Tail) (Output, error) {
	t, err := v(ctx, ref)
	if err != nil {
		return Output{}, err
	}
	return t.Logs(ctx, ref, instance, tail)
}
