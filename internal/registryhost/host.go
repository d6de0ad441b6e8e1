// Package registryhost is a Linux host as [registry.Install] acts on it and as
// [registry.Judge] hears of it: systemd, the container engine, the kernel's tables,
// the registry's own API and three files, joined and bounded. It decides nothing.
//
// It acts on what the settings name below the roots that the host's agent.yaml allows,
// on the registry's unit, and on nothing else: an account that may have the agent
// install a registry must not become the host's root by it.
package registryhost

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/hostfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/systemd"
)

// pullStall is how long an engine may report no progress while it pulls.
const pullStall = time.Minute

// Host is the host that this process runs on.
type Host struct {
	roots   []string
	engine  string
	systemd systemd.Manager
	files   hostfile.Files
	// reads are the parts of inspections that are under way, own those of an
	// installation's: frequent inspections must not make an installation fail.
	reads, own chan struct{}
}

var _ registry.Host = installer{}

// New returns the host. A registry's folders lie below the roots, and its engine
// answers at the address, for example "unix:///run/docker.sock".
func New(roots []string, engineAddress string) *Host {
	return &Host{
		roots: slices.Clone(roots), engine: engineAddress,
		files: hostfile.New(append(slices.Clone(roots), registry.UnitFolder)...),
		reads: make(chan struct{}, maxReads), own: make(chan struct{}, maxReads),
	}
}

// Install makes the registry match the settings. If ctx ends it puts back what was
// there. The caller runs a single Install at a time.
func (h *Host) Install(
	ctx context.Context, s registry.Settings, expected registry.Hashes, emit func(registry.Progress),
) (registry.Installed, error) {
	if err := h.allowed(s); err != nil {
		return registry.Installed{}, err
	}
	return registry.Install(ctx, installer{h}, s, expected, emit)
}

// installer is the host as an installation sees it.
type installer struct{ *Host }

// Inspect implements [registry.Host].
func (h installer) Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	return h.inspect(ctx, s, h.own)
}

// allowed checks settings before anything is looked at.
func (h *Host) allowed(s registry.Settings) error {
	if err := s.Validate(); err != nil {
		return fault.New(fault.InvalidRequest, "%w", err)
	}
	return s.Allowed(h.roots)
}

// HaveImage implements [registry.Host].
func (h *Host) HaveImage(ctx context.Context, ref string) (pulled bool, err error) {
	c, err := engine.New(h.engine)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Image(ctx, ref); !errors.Is(err, engine.ErrNotFound) {
		return false, err
	}
	return true, c.Pull(ctx, ref, pullStall, func(engine.Pulled) {})
}

// MakeFolder implements [registry.Host].
func (h *Host) MakeFolder(_ context.Context, name string) (made bool, err error) {
	if err := ours(name); err != nil {
		return false, err
	}
	return h.files.MakeFolder(name)
}

// ReadFile implements [registry.Host].
func (h *Host) ReadFile(_ context.Context, name string) ([]byte, error) {
	if err := ours(name); err != nil {
		return nil, err
	}
	return h.files.Read(name)
}

// WriteFile implements [registry.Host].
func (h *Host) WriteFile(_ context.Context, name string, content []byte) error {
	if err := ours(name); err != nil {
		return err
	}
	return h.files.Write(name, content)
}

// RemoveFile implements [registry.Host].
func (h *Host) RemoveFile(_ context.Context, name string) error {
	if err := ours(name); err != nil {
		return err
	}
	return h.files.Remove(name)
}

// Reload implements [registry.Host].
func (h *Host) Reload(ctx context.Context) error { return h.systemd.Reload(ctx) }

// Enable implements [registry.Host].
func (h *Host) Enable(ctx context.Context, unit string) (changed bool, err error) {
	if err := ourUnit(unit); err != nil {
		return false, err
	}
	return h.systemd.Enable(ctx, unit)
}

// Disable implements [registry.Host].
func (h *Host) Disable(ctx context.Context, unit string) error {
	if err := ourUnit(unit); err != nil {
		return err
	}
	return h.systemd.Disable(ctx, unit)
}

// Restart implements [registry.Host].
func (h *Host) Restart(ctx context.Context, unit string) error {
	if err := ourUnit(unit); err != nil {
		return err
	}
	return h.systemd.Restart(ctx, unit)
}

// Stop implements [registry.Host].
func (h *Host) Stop(ctx context.Context, unit string) error {
	if err := ourUnit(unit); err != nil {
		return err
	}
	return h.systemd.Stop(ctx, unit)
}

// ours refuses what is systemd's and not the registry's: of the folder of units,
// its unit and copies of it.
func ours(name string) error {
	dir, base := path.Split(name)
	in := name == registry.UnitFolder || strings.HasPrefix(name, registry.UnitFolder+"/")
	mine := dir == registry.UnitFolder+"/" && (base == registry.Unit || strings.HasPrefix(base, registry.Unit+"."))
	if in && !mine {
		return fault.New(fault.PathRefused, "%s is not the registry's", name)
	}
	return nil
}

func ourUnit(unit string) error {
	if unit != registry.Unit {
		return fault.New(fault.Internal, "%s is not the registry's", unit)
	}
	return nil
}
