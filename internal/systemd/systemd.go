// Package systemd has a unit enabled, started and stopped by the host's systemd, over
// D-Bus and so without a shell, and returns what systemd knows of it. That a job was
// queued means nothing: each act waits for its result, and no longer than its caller or
// [Patience] allows.
//
// Each call has a connection of its own. A call comes once in a while and dialling
// a unix socket costs it a millisecond; a connection that is kept would have to be
// found dead, with all its goroutines, after each restart of dbus.
//
// The danger is the name of the unit: a caller that chooses it can stop the host's ssh.
// This package takes any; its caller must not.
package systemd

import (
	"context"
	"errors"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Patience is how long an act may take, what the unit itself needs to start included.
const Patience = 5 * time.Minute

// State is systemd's words for a unit (org.freedesktop.systemd1(5)).
type State struct {
	Load   string // loaded, not-found, masked, bad-setting, error
	Active string // active, inactive, failed, activating, …
	Sub    string // of a service: running, auto-restart, …
	File   string // enabled, disabled, masked, …; "" without a file
	// NeedsReload is true if the file changed since systemd read it.
	NeedsReload bool
	// DropIns are files that add to the unit or change it.
	DropIns []string
}

// Manager is the host's systemd. The zero value is ready.
type Manager struct {
	// patience is Patience but in tests.
	patience time.Duration
}

// Unit returns the state of a unit, even if the unit does not exist.
func (m Manager) Unit(ctx context.Context, unit string) (State, error) {
	var s State
	err := m.with(ctx, func(ctx context.Context, c *dbus.Conn) error {
		p, err := c.GetUnitPropertiesContext(ctx, unit)
		if err != nil {
			return refused("read", unit, err)
		}
		s = stateOf(p)
		return nil
	})
	return s, err
}

func stateOf(p map[string]any) (s State) {
	s.Load, _ = p["LoadState"].(string)
	s.Active, _ = p["ActiveState"].(string)
	s.Sub, _ = p["SubState"].(string)
	s.File, _ = p["UnitFileState"].(string)
	s.NeedsReload, _ = p["NeedDaemonReload"].(bool)
	s.DropIns, _ = p["DropInPaths"].([]string)
	return s
}

// Reload lets systemd read all units again.
func (m Manager) Reload(ctx context.Context) error {
	return m.with(ctx, func(ctx context.Context, c *dbus.Conn) error { return reload(ctx, c) })
}

func reload(ctx context.Context, c *dbus.Conn) error {
	if err := c.ReloadContext(ctx); err != nil {
		return because(err, "systemd does not read its units again: %w", err).WithHint("as root: systemctl daemon-reload")
	}
	return nil
}

// Enable has a unit started at boot. A unit without an [Install] section is an error:
// nothing would start it.
func (m Manager) Enable(ctx context.Context, unit string) (changed bool, err error) {
	err = m.with(ctx, func(ctx context.Context, c *dbus.Conn) error {
		can, changes, err := c.EnableUnitFilesContext(ctx, []string{unit}, false, false)
		if err != nil {
			return refused("enable", unit, err)
		}
		if !can {
			return fault.New(fault.UnitFailed, "enable %s: it has no [Install] section", unit).WithHint("systemctl cat %s", unit)
		}
		if changed = len(changes) > 0; changed {
			return reload(ctx, c) // as systemctl does: else the old answer stays in memory
		}
		return nil
	})
	return changed, err
}

// Disable takes Enable back.
func (m Manager) Disable(ctx context.Context, unit string) error {
	return m.with(ctx, func(ctx context.Context, c *dbus.Conn) error {
		changes, err := c.DisableUnitFilesContext(ctx, []string{unit}, false)
		if err != nil {
			return refused("disable", unit, err)
		}
		if len(changes) > 0 {
			return reload(ctx, c)
		}
		return nil
	})
}

// Restart starts a unit, stopping it first if it is active.
func (m Manager) Restart(ctx context.Context, unit string) error {
	return m.job(ctx, "restart", unit, (*dbus.Conn).RestartUnitContext)
}

// Stop stops a unit. A unit that had failed is then no longer listed as failed: the
// caller has seen to that.
func (m Manager) Stop(ctx context.Context, unit string) error {
	if err := m.job(ctx, "stop", unit, (*dbus.Conn).StopUnitContext); err != nil {
		return err
	}
	return m.with(ctx, func(ctx context.Context, c *dbus.Conn) error {
		if err := c.ResetFailedUnitContext(ctx, unit); err != nil && nameOf(err) != "org.freedesktop.systemd1.NoSuchUnit" {
			return refused("reset", unit, err)
		}
		return nil
	})
}

// job queues a job and waits for what becomes of it.
func (m Manager) job(
	ctx context.Context, verb, unit string, queue func(*dbus.Conn, context.Context, string, string, chan<- string) (int, error),
) error {
	return m.with(ctx, func(ctx context.Context, c *dbus.Conn) error {
		result := make(chan string, 1) // the sender must not wait for us
		if _, err := queue(c, ctx, unit, "replace", result); err != nil {
			return refused(verb, unit, err)
		}
		look := time.NewTicker(time.Second)
		defer look.Stop()
		for {
			select {
			case r := <-result:
				return ended(verb, unit, r)
			case <-ctx.Done():
				return waited(ctx, verb, unit)
			case <-look.C:
				// The result is a signal; without a connection it arrives nowhere.
				if !c.Connected() {
					return fault.Transient(fault.UnitFailed, "%s %s: the connection to systemd broke before the result", verb, unit).
						WithHint("systemctl status %s", unit)
				}
			}
		}
	})
}

// with runs an act on a connection of its own.
func (m Manager) with(ctx context.Context, act func(context.Context, *dbus.Conn) error) error {
	patience := m.patience
	if patience == 0 {
		patience = Patience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// The system's bus, or for root, if there is none, systemd itself. The connection
	// ends with ctx, also while it is being made.
	c, err := dbus.NewWithContext(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	if err != nil {
		return fault.New(fault.UnitFailed, "systemd cannot be reached over D-Bus: %w", err).
			WithHint("`systemctl status dbus` shows why; a host without systemd cannot have a managed registry")
	}
	defer c.Close()
	return act(ctx, c)
}
