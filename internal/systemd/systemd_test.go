package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

const unit = "a.service"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyDoneIsSuccess(t *testing.T) {
	t.Parallel()
	if err := ended("restart", unit, "done"); err != nil {
		t.Error(err)
	}
	for result, want := range map[string]struct {
		words, hint string
		retry       bool
	}{
		"failed":         {"restart a.service: the unit failed", "journalctl -u a.service", false},
		"timeout":        {"its own time limit", "journalctl -u a.service", false},
		"dependency":     {"a unit that it requires failed", "journalctl -u docker", false},
		"canceled":       {"another job took this one's place", "systemctl status a.service", true},
		"skipped":        {`systemd says "skipped"`, "systemctl status a.service", false},
		"assert":         {`systemd says "assert"`, "systemctl status a.service", false},
		"not yet known":  {`systemd says "not yet known"`, "systemctl status a.service", false},
		"":               {`systemd says ""`, "systemctl status a.service", false},
		"done, and more": {`systemd says`, "systemctl status a.service", false},
	} {
		err := ended("restart", unit, result)
		if fault.ReasonOf(err) != fault.UnitFailed || fault.Retryable(err) != want.retry ||
			!strings.Contains(err.Error(), want.words) || !strings.Contains(fault.HintOf(err), want.hint) {
			t.Errorf("%q: %v (%s), retry %v", result, err, fault.HintOf(err), fault.Retryable(err))
		}
	}
}

func TestARefusalSaysWhatToType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		hint  string
		retry bool
	}{
		"a masked unit":     {godbus.Error{Name: "org.freedesktop.systemd1.UnitMasked"}, "systemctl unmask a.service", false},
		"no such unit":      {godbus.Error{Name: "org.freedesktop.systemd1.NoSuchUnit"}, "systemctl status a.service", false},
		"no right":          {godbus.Error{Name: "org.freedesktop.DBus.Error.AccessDenied"}, "root", false},
		"a restarting bus":  {godbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, "systemctl status a.service", true},
		"a connection gone": {fmt.Errorf("call: %w", godbus.ErrClosed), "systemctl status a.service", true},
		"anything else":     {errors.New("x"), "systemctl status a.service", false},
	} {
		err := refused("enable", unit, c.err)
		if fault.ReasonOf(err) != fault.UnitFailed || fault.Retryable(err) != c.retry || !strings.HasSuffix(err.Error(), c.err.Error()) ||
			!strings.HasPrefix(err.Error(), "enable a.service: ") || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%s: %v (%s), retry %v", name, err, fault.HintOf(err), fault.Retryable(err))
		}
	}
}

func TestAStateIsWhatThePropertiesSay(t *testing.T) {
	t.Parallel()
	got := stateOf(map[string]any{
		"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": true, "SubState": "running",
		"DropInPaths": []string{"/etc/x.conf"},
	})
	if diff := cmp.Diff(State{Load: "loaded", Active: "active", Sub: "running", File: "enabled", NeedsReload: true, DropIns: []string{"/etc/x.conf"}}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(State{}, stateOf(map[string]any{"LoadState": 7})); diff != "" {
		t.Errorf("a property of another type: %s", diff)
	}
}

func TestAJobThatDoesNotEndIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := waited(ctx, "stop", unit); fault.ReasonOf(err) != fault.UnitFailed || !strings.Contains(fault.HintOf(err), "list-jobs") {
		t.Errorf("in time: %v", err)
	}
	why := errors.New("told to stop")
	told, tell := context.WithCancelCause(t.Context())
	tell(why)
	if err := waited(told, "stop", unit); !errors.Is(err, why) {
		t.Errorf("reported: %v", err)
	}
}

// The address of the bus is in the environment, so these do not run in parallel.
func TestAHostWithoutSystemdIsAClearFault(t *testing.T) {
	noBus(t, "unix:path="+filepath.Join(t.TempDir(), "none"))
	for name, call := range map[string]func(Manager) error{
		"state":   func(m Manager) error { _, err := m.Unit(t.Context(), unit); return err },
		"reload":  func(m Manager) error { return m.Reload(t.Context()) },
		"enable":  func(m Manager) error { _, err := m.Enable(t.Context(), unit); return err },
		"disable": func(m Manager) error { return m.Disable(t.Context(), unit) },
		"restart": func(m Manager) error { return m.Restart(t.Context(), unit) },
		"stop":    func(m Manager) error { return m.Stop(t.Context(), unit) },
	} {
		err := call(Manager{})
		if fault.ReasonOf(err) != fault.UnitFailed || !strings.Contains(err.Error(), "systemd cannot be reached") || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestABusThatSaysNothingIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	noBus(t, "unix:path="+path)
	_, err = Manager{patience: 200 * time.Millisecond}.Unit(t.Context(), unit)
	if fault.ReasonOf(err) != fault.UnitFailed {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Manager{}).Unit(ctx, unit); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// noBus points at another bus and skips if systemd answers without a bus.
func noBus(t *testing.T, address string) {
	t.Helper()
	if _, err := os.Stat("/run/systemd/private"); err == nil {
		t.Skip("systemd runs here")
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
}
