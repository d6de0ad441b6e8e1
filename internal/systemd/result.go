package systemd

import (
	"context"
	"errors"

	godbus "github.com/godbus/dbus/v5"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// ended gives the result of a job its meaning (org.freedesktop.systemd1(5),
// JobRemoved). Whatever is not "done" did not do what was asked for.
func ended(verb, unit, result string) error {
	journal := func(format string, args ...any) error {
		return fault.New(fault.UnitFailed, verb+" "+unit+": "+format, args...).WithHint("journalctl -u %s -n 50", unit)
	}
	switch result {
	case "done":
		return nil
	case "failed":
		return journal("the unit failed")
	case "timeout":
		return journal("the unit was not done in its own time limit")
	case "dependency":
		return fault.New(fault.UnitFailed, "%s %s: a unit that it requires failed", verb, unit).
			WithHint("systemctl list-dependencies %s; journalctl -u docker -n 50", unit)
	case "canceled":
		return fault.Transient(fault.UnitFailed, "%s %s: another job took this one's place", verb, unit).
			WithHint("systemctl status %s", unit)
	default: // skipped, invalid, assert, unsupported, collected, once, frozen, and what is to come
		return fault.New(fault.UnitFailed, "%s %s: systemd says %q of the job", verb, unit, result).
			WithHint("systemctl status %s", unit)
	}
}

// waited returns the fault of a job that did not end in time. The job goes on without
// us: its cancellation would leave the unit between two states.
func waited(ctx context.Context, verb, unit string) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return fault.New(fault.UnitFailed, "%s %s: not done in time; the job goes on", verb, unit).
		WithHint("systemctl list-jobs; journalctl -u %s -n 50", unit)
}

// refused gives an error of the bus its words. It is by the error's name, never by
// its text.
func refused(verb, unit string, err error) error {
	f := because(err, "%s %s: %w", verb, unit, err)
	switch nameOf(err) {
	case "org.freedesktop.systemd1.UnitMasked":
		return f.WithHint("somebody masked it; when that is no longer meant, as root: systemctl unmask %s", unit)
	case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
		return f.WithHint("the agent must run as root to manage units")
	default:
		return f.WithHint("systemctl status %s", unit)
	}
}

// because makes a fault that has whether the refusal may pass by itself: a bus or a
// systemd that is being restarted does.
func because(err error, format string, args ...any) *fault.Error {
	switch nameOf(err) {
	case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected",
		"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.systemd1.ShuttingDown":
		return fault.Transient(fault.UnitFailed, format, args...)
	}
	if errors.Is(err, godbus.ErrClosed) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Transient(fault.UnitFailed, format, args...)
	}
	return fault.New(fault.UnitFailed, format, args...)
}

func nameOf(err error) string {
	if e := (godbus.Error{}); errors.As(err, &e) {
		return e.Name
	}
	return ""
}
