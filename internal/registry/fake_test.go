package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// state is what a host is, as far as an installation can change it.
type state struct {
	Files   map[string]string
	Enabled bool
	Active  string
	// Loaded is the unit as systemd has read it, Runs the config that the container
	// was started with; "" for none.
	Loaded, Runs string
}

func (s state) clone() state {
	s.Files = maps.Clone(s.Files)
	return s
}

// host is a host in memory. Its unit runs whatever the config has; it can be made to
// fail at any act, before or after the act took place.
type host struct {
	state
	settings registry.Settings
	folders  []string
	facts    func(*registry.Facts) // what else is the case

	acts      []string
	failAt    string // an act's name and target, "" for never
	failAfter bool   // the act takes place nevertheless
	cancel    context.CancelFunc
	silent    bool // the API never answers
}

func bare() *host {
	return &host{settings: registry.Defaults(), state: state{Files: map[string]string{}, Active: "inactive"}}
}

// installed is a host that has the registry of the settings, and all is well.
func installed() *host {
	h := bare()
	for _, f := range registry.Render(h.settings) {
		h.Files[f.Path] = string(f.Content)
	}
	h.folders = []string{h.settings.Directory, h.settings.Storage}
	h.Enabled, h.Active = true, "active"
	h.Loaded, h.Runs = h.Files[unitPath], h.Files[h.settings.PathOf(registry.ConfigFile)]
	return h
}

var unitPath = registry.Defaults().PathOf(registry.UnitFile)

// older is a host whose three files are of another time, and run.
func older() *host {
	h := installed()
	for p := range h.Files {
		h.Files[p] += "# older\n"
	}
	h.Loaded, h.Runs = h.Files[unitPath], h.Files[h.settings.PathOf(registry.ConfigFile)]
	return h
}

func (h *host) act(ctx context.Context, name string, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h.acts = append(h.acts, name)
	fails := name == h.failAt
	if !fails || h.failAfter {
		do()
	}
	if fails {
		h.failAt = ""
		if h.cancel != nil {
			h.cancel()
		}
		return fault.Transient(fault.Internal, "%s: no", name)
	}
	return nil
}

func (h *host) Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	if err := ctx.Err(); err != nil {
		return registry.Facts{}, err
	}
	f := registry.Facts{
		Unit:    &registry.UnitFacts{Load: "not-found", Active: h.Active, NeedsReload: h.Loaded != "" && h.Loaded != h.Files[unitPath]},
		Engine:  &registry.EngineFacts{Version: "28.1.0", HasImage: true},
		Storage: registry.StorageFacts{Exists: slices.Contains(h.folders, s.Storage)},
		Files:   map[registry.FileName]registry.FileFacts{},
	}
	if h.Loaded != "" {
		f.Unit.Load, f.Unit.File = "loaded", "disabled"
		if h.Enabled {
			f.Unit.File = "enabled"
		}
	}
	for _, name := range registry.FileNames() {
		file := registry.FileFacts{Path: s.PathOf(name), State: registry.Absent}
		if content, ok := h.Files[file.Path]; ok {
			file.State, file.Hash = registry.Regular, artifact.DigestOf([]byte(content))
		}
		f.Files[name] = file
	}
	if h.Runs != "" {
		f.Container = &registry.ContainerFacts{
			ID: "c1", State: "running", Image: s.Image, Project: registry.Project, Published: []netip.AddrPort{s.Endpoint},
		}
		f.Listeners = []netip.AddrPort{s.Endpoint}
		if f.API.Status = http.StatusOK; h.silent {
			f.API = registry.APIFacts{Error: "timeout", TimedOut: true}
		}
	}
	if h.facts != nil {
		h.facts(&f)
	}
	return f, nil
}

func (h *host) HaveImage(ctx context.Context, ref string) (bool, error) {
	return false, h.act(ctx, "image "+ref, func() {})
}

func (h *host) MakeFolder(ctx context.Context, p string) (made bool, err error) {
	err = h.act(ctx, "folder "+p, func() {
		if made = !slices.Contains(h.folders, p); made {
			h.folders = append(h.folders, p)
		}
	})
	return made, err
}

func (h *host) ReadFile(ctx context.Context, p string) ([]byte, error) {
	content, ok := h.Files[p]
	if !ok {
		return nil, h.act(ctx, "read "+p, func() {})
	}
	return []byte(content), h.act(ctx, "read "+p, func() {})
}

func (h *host) WriteFile(ctx context.Context, p string, content []byte) error {
	return h.act(ctx, "write "+p, func() { h.Files[p] = string(bytes.Clone(content)) })
}

func (h *host) RemoveFile(ctx context.Context, p string) error {
	return h.act(ctx, "remove "+p, func() { delete(h.Files, p) })
}

func (h *host) Reload(ctx context.Context) error {
	return h.act(ctx, "reload", func() { h.Loaded = h.Files[unitPath] })
}

func (h *host) Enable(ctx context.Context, unit string) (changed bool, err error) {
	err = h.act(ctx, "enable "+unit, func() { changed, h.Enabled = !h.Enabled, true })
	return changed, err
}

func (h *host) Disable(ctx context.Context, unit string) error {
	return h.act(ctx, "disable "+unit, func() { h.Enabled = false })
}

func (h *host) Restart(ctx context.Context, unit string) error {
	return h.act(ctx, "restart "+unit, func() { h.Active, h.Runs = "active", h.Files[h.settings.PathOf(registry.ConfigFile)] })
}

// Stop needs the unit and the Compose file: without them nothing removes the container.
func (h *host) Stop(ctx context.Context, unit string) error {
	if h.Loaded == "" || h.Files[h.settings.PathOf(registry.ComposeFile)] == "" {
		return fmt.Errorf("%s is gone, and its container is not", unit)
	}
	return h.act(ctx, "stop "+unit, func() { h.Active, h.Runs = "inactive", "" })
}

// changing are the acts that are not reads.
func (h *host) changing() (acts []string) {
	for _, a := range h.acts {
		if verb, _, _ := strings.Cut(a, " "); verb != "read" && verb != "image" && verb != "folder" {
			acts = append(acts, strings.ReplaceAll(a, path.Dir(unitPath)+"/", ""))
		}
	}
	return acts
}
