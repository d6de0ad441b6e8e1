package registryhost

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// How long each part of an inspection may take. None waits for another. A healthy
// host needs a few milliseconds; together they fit into an rpc's patience.
const (
	unitWait   = 2 * time.Second
	engineWait = 3 * time.Second
	apiWait    = 2500 * time.Millisecond
	tableWait  = 2 * time.Second
	fileWait   = 2 * time.Second
	// maxReads bounds the parts under way at once, of all questions and again of all
	// installations: a read of a disk that is gone cannot be ended, only left alone.
	maxReads = 64
)

// part is a thing that is read, and what was seen as a change of the facts. Both a
// change and an error may be returned: what was seen before it failed.
type part struct {
	name registry.Part
	wait time.Duration
	read func(ctx context.Context) (see func(*registry.Facts), err error)
}

// Inspect reads what there is; what cannot be read is in [registry.Facts.Unread].
// Settings that this host does not allow are INVALID_REQUEST or PATH_REFUSED.
func (h *Host) Inspect(ctx context.Context, s registry.Settings) (registry.Facts, error) {
	return h.inspect(ctx, s, h.reads)
}

func (h *Host) inspect(ctx context.Context, s registry.Settings, reads chan struct{}) (registry.Facts, error) {
	if err := h.allowed(s); err != nil {
		return registry.Facts{}, err
	}
	f := registry.Facts{At: time.Now()}
	var waits []func() outcome
	for _, p := range h.parts(s) {
		waits = append(waits, begin(ctx, reads, p))
	}
	for _, wait := range waits {
		o := wait()
		if o.see != nil {
			o.see(&f)
		}
		if o.err != nil {
			f.Unseen = append(f.Unseen, o.part)
			f.Unread = append(f.Unread, string(o.part)+": "+strings.ReplaceAll(o.err.Error(), "\n", "; "))
		}
	}
	if f.Files == nil { // as if each had been tried: a file of which nothing is known is not absent
		f.Files = make(map[registry.FileName]registry.FileFacts)
		for _, name := range registry.FileNames() {
			f.Files[name] = registry.FileFacts{Path: s.PathOf(name), State: registry.Unreadable}
		}
	}
	if err := ctx.Err(); err != nil {
		return registry.Facts{}, context.Cause(ctx) // no caller waits for half the facts
	}
	return f, nil
}

type outcome struct {
	part registry.Part
	see  func(*registry.Facts)
	err  error
}

// begin starts reading a part and returns how to wait for it, which is bounded also if
// the read is not.
func begin(ctx context.Context, reads chan struct{}, p part) (wait func() outcome) {
	select {
	case reads <- struct{}{}:
	default:
		return func() outcome {
			return outcome{p.name, nil, errors.New("too many reads of this host are stuck or under way")}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-reads }()
		see, err := p.read(ctx)
		done <- outcome{p.name, see, err}
	}()
	return func() outcome {
		defer cancel()
		select {
		case o := <-done:
			return o
		case <-ctx.Done():
		}
		// A read that knows of ctx ends by it, and its error explains more than ours.
		select {
		case o := <-done:
			return o
		case <-time.After(100 * time.Millisecond):
			return outcome{p.name, nil, fmt.Errorf("not read within %v", p.wait)}
		}
	}
}

func (h *Host) parts(s registry.Settings) []part {
	return []part{
		{registry.PartUnit, unitWait, h.readUnit},
		{registry.PartEngine, engineWait, func(ctx context.Context) (func(*registry.Facts), error) { return h.readEngine(ctx, s.Image) }},
		{registry.PartListeners, tableWait, func(context.Context) (func(*registry.Facts), error) {
			found, err := listeners(procSelf, s.Endpoint.Port())
			return func(f *registry.Facts) { f.Listeners = found }, err
		}},
		{registry.PartAPI, apiWait + time.Second, func(ctx context.Context) (func(*registry.Facts), error) {
			api := ask(ctx, s.Endpoint, apiWait)
			return func(f *registry.Facts) { f.API = api }, nil
		}},
		{registry.PartStorage, fileWait, func(context.Context) (func(*registry.Facts), error) {
			there, free, err := h.files.Free(s.Storage)
			return func(f *registry.Facts) { f.Storage = registry.StorageFacts{Exists: there, Free: free} }, err
		}},
		{registry.PartFiles, fileWait, func(context.Context) (func(*registry.Facts), error) { return h.readFiles(s) }},
	}
}

func (h *Host) readUnit(ctx context.Context) (func(*registry.Facts), error) {
	u, err := h.systemd.Unit(ctx, registry.Unit)
	if err != nil {
		return nil, err
	}
	return func(f *registry.Facts) {
		f.Unit = &registry.UnitFacts{Load: u.Load, Active: u.Active, File: u.File, NeedsReload: u.NeedsReload, DropIns: u.DropIns}
	}, nil
}

// readEngine asks over a connection of its own: a kept connection would hold on to the
// API version of an engine that was upgraded meanwhile.
func (h *Host) readEngine(ctx context.Context, ref string) (func(*registry.Facts), error) {
	c, err := engine.New(h.engine)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	info, err := c.Version(ctx)
	if err != nil {
		return nil, err
	}
	told := &registry.EngineFacts{Version: info.Version}
	_, imageErr := c.Image(ctx, ref)
	told.HasImage = imageErr == nil
	container, err := readContainer(ctx, c)
	return func(f *registry.Facts) { f.Engine, f.Container = told, container }, errors.Join(unlessMissing(imageErr), err)
}

func readContainer(ctx context.Context, c *engine.Client) (*registry.ContainerFacts, error) {
	in, err := c.Container(ctx, registry.Container)
	if err != nil {
		return nil, unlessMissing(err)
	}
	found := &registry.ContainerFacts{
		ID: in.ID, State: in.State, Image: in.ImageRef, ImageID: in.ImageID, Project: in.Labels["com.docker.compose.project"],
		Restarts: in.Restarts, Created: in.Created,
	}
	if in.Running { // paused and restarting ones are, in the engine's words
		found.Published = in.Published
	}
	image, err := c.Image(ctx, in.ImageID) // missing if it was removed by force
	found.RepoDigests = image.RepoDigests
	return found, unlessMissing(err)
}

func unlessMissing(err error) error {
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}

func (h *Host) readFiles(s registry.Settings) (func(*registry.Facts), error) {
	found := make(map[registry.FileName]registry.FileFacts)
	var unread []error
	for _, name := range registry.FileNames() {
		one := registry.FileFacts{Path: s.PathOf(name)}
		content, changed, err := h.files.Look(one.Path)
		switch {
		case err == nil && content == nil:
			one.State = registry.Absent
		case err == nil:
			one.State, one.Hash, one.Changed = registry.Regular, artifact.DigestOf(content), changed
		case fault.ReasonOf(err) == fault.PathRefused && !errors.Is(err, fs.ErrPermission):
			one.State = registry.Other
		default:
			one.State = registry.Unreadable
			unread = append(unread, err)
		}
		found[name] = one
	}
	return func(f *registry.Facts) { f.Files = found }, errors.Join(unread...)
}
