package cri

import (
	"context"
	"errors"
	"io/fs"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// errNotFound is in the chain of an error about something that containerd does not have.
var errNotFound = errors.New("not found")

const hint = "systemctl status k3s"

// explain gives an error of a call its reason. A caller who gave up gets the cause of that.
func (s *Store) explain(ctx context.Context, err error, act string) error {
	if err == nil {
		return nil
	}
	code := status.Code(err)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	switch code {
	case codes.NotFound:
		return fault.New(fault.EngineFailed, "%s: %w: %s", act, errNotFound, said(err))
	case codes.DeadlineExceeded:
		return fault.Transient(fault.EngineUnavailable, "%s: k3s's containerd does not answer in time", act).WithHint(hint)
	case codes.Unavailable:
		return s.unavailable(err, act)
	case codes.Unimplemented:
		return fault.New(fault.CapabilityMissing, "%s: containerd at %s cannot do this: %s", act, s.socket, said(err)).
			WithHint("containerd 1.7 or later with its CRI plugin is needed; k3s since 1.27 has one")
	default:
		return fault.New(fault.EngineFailed, "%s: k3s's containerd says: %s", act, said(err)).WithHint(hint)
	}
}

// unavailable distinguishes a socket that the agent may not dial from a socket that has
// no server now.
func (s *Store) unavailable(err error, act string) error {
	if dialled := s.dialled.Load(); dialled != nil && *dialled != nil {
		if errors.Is(*dialled, fs.ErrPermission) {
			return fault.New(fault.EngineUnavailable, "%s: k3s's containerd: %w", act, *dialled).WithHint("the socket of k3s's containerd is root's: run the agent as root")
		}
		return fault.Transient(fault.EngineUnavailable, "%s: k3s's containerd does not answer: %w", act, *dialled).WithHint(hint)
	}
	return fault.Transient(fault.EngineUnavailable, "%s: k3s's containerd at %s does not answer: %s", act, s.socket, said(err)).WithHint(hint)
}

// said returns containerd's message about a failure, for people only.
func said(err error) string { return line(status.Convert(err).Message()) }

// line makes a text of containerd's fit to be shown, and bounds it.
func line(s string) string { return plain.Bounded(s, 500) }
