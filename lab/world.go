// Package lab plays UniDesk's two hosts on a single machine, with the real things: a
// Docker Engine with Compose as the master's, another that builds as D601's does, a
// CNCF Distribution registry, an OpenSSH server, Git repositories with commits that
// were pushed, and the product's own agent and controller. Tests and the demo run in
// it.
//
// It touches nothing else on the machine: folders, ports, keys, networks and
// names are its own, and an engine that was there before is shared by prefix. It
// stops only what it started, by process id, and takes its daemons with it when
// it is killed.
package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options are what a world has. The zero value has everything and nothing runs on the
// master yet.
type Options struct {
	// Dir is where all of it lives, "" a temporary folder. It must be empty or not
	// exist, and short: paths of sockets end at 108 characters.
	Dir string
	// Keep leaves the folder behind, with the logs.
	Keep bool
	// Socket is the Docker socket that is used if an engine answers on it; "" means the
	// usual socket.
	Socket string
	// WithoutProduct leaves agent and controller out.
	WithoutProduct bool
	// Tags are build tags for agent and controller.
	Tags []string
	// Installed are services that run on the master from the start, at the first
	// commit, brought there without the product.
	Installed []string
	// Services turns the built-in services.yaml into this world's; nil gives
	// containers and images the prefix and the registry its port.
	Services func(builtin []byte) []byte
	// Log receives what is being done, a line each; nil drops it.
	Log func(format string, args ...any)
}

// World is a running lab.
type World struct {
	// Dir holds everything, Bin the product's programs, Prefix begins every name
	// on the master's engine.
	Dir, Bin, Prefix string

	// What is on the master.
	Engine     *Engine
	Master     *Master
	Controller *Controller

	// What is on D601.
	Builder  *Engine
	Registry *Registry
	CI       *CI
	Agent    *Agent

	// What lies between.
	SSH *SSHD

	// Installed are the versions that Options.Installed asked for.
	Installed map[string]Summary

	repo  string
	keep  bool
	guard *guard
}

// Start brings a world up; what does not depend on each other, at the same time.
// When it fails, nothing is left running.
func Start(ctx context.Context, options Options) (_ *World, err error) {
	say := options.Log
	if say == nil {
		say = func(string, ...any) {}
	}
	w := &World{Installed: map[string]Summary{}, keep: options.Keep}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the lab: %w", err), w.Close())
		}
	}()
	if w.repo, err = findRepo(); err != nil {
		return nil, err
	}
	say("looking for Docker, Compose, the registry and sshd")
	tools, err := prepare(ctx, w.repo)
	if err != nil {
		return nil, err
	}
	if err := w.makeFolders(options.Dir); err != nil {
		return nil, err
	}
	say("starting two engines, a registry and sshd; building the agent and the controller")
	if options.Socket == "" {
		options.Socket = defaultSocket
	}
	if err := w.startParts(ctx, tools, options); err != nil {
		return nil, err
	}
	if err := w.join(ctx, options); err != nil {
		return nil, err
	}
	if len(options.Installed) > 0 {
		say("installing the first versions of %v", options.Installed)
		if err := w.install(ctx, options.Installed); err != nil {
			return nil, err
		}
	}
	say("the lab is up in %s", w.Dir)
	return w, nil
}

func (w *World) makeFolders(dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "unidesk-"); err != nil {
			return err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: the lab's folder is its own", dir)
	}
	id := make([]byte, 3)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	w.Dir = dir // from here on it is ours
	w.Prefix = "lab" + hex.EncodeToString(id) + "-"
	w.Bin = w.in("bin")
	for _, name := range []string{"bin", "engine", "builder", "registry", "ssh", "ci", "agent", "master"} {
		if err := os.MkdirAll(w.in(name), 0o750); err != nil {
			return err
		}
	}
	return nil
}

// startParts starts what needs nothing of the others.
func (w *World) startParts(ctx context.Context, tools string, options Options) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	sample := filepath.Join(w.repo, "sample")
	if w.Master, err = newMaster(sample, w.in("master"), w.Prefix); err != nil {
		return err
	}
	watch := orders{Dir: w.Dir, Remove: !w.keep}
	if answers(ctx, options.Socket) {
		shared := *w.Master
		shared.Engine = sharedEngine(options.Socket, w.in("engine"))
		watch.Master = &shared
	}
	programs := builder{repo: w.repo, cache: cache, bin: w.Bin}
	// A part that fails must not stop the others half way: each is waited for and
	// then closed, so the group has no context of its own.
	var group errgroup.Group
	group.Go(func() (err error) {
		w.Engine, err = UseOrStartEngine(ctx, options.Socket, w.in("engine"), tools)
		return err
	})
	group.Go(func() (err error) {
		w.Builder, err = StartBuilder(ctx, options.Socket, w.in("builder"), tools)
		return err
	})
	group.Go(func() (err error) {
		w.Registry, err = StartRegistry(ctx, filepath.Join(tools, "registry"), w.in("registry"))
		return err
	})
	group.Go(func() (err error) { w.SSH, err = StartSSHD(ctx, w.in("ssh")); return err })
	group.Go(func() (err error) { w.CI, err = newCI(ctx, sample, w.in("ci"), w.Prefix); return err })
	group.Go(func() (err error) {
		if err := programs.build(ctx, "guard", "./lab/cmd/guard"); err != nil {
			return err
		}
		w.guard, err = startGuard(filepath.Join(w.Bin, "guard"), watch)
		return err
	})
	if !options.WithoutProduct {
		group.Go(func() error { return programs.build(ctx, "unidesk-agent", "./cmd/agent", options.Tags...) })
		group.Go(func() error { return programs.build(ctx, "unidesk-controller", "./cmd/controller", options.Tags...) })
	}
	return group.Wait()
}

// join makes a world of the parts.
func (w *World) join(ctx context.Context, options Options) (err error) {
	w.CI.builder, w.CI.registry = w.Builder, w.Registry
	w.Master.Engine = w.Engine
	if options.WithoutProduct {
		return nil
	}
	if w.Agent, err = newAgent(filepath.Join(w.Bin, "unidesk-agent"), w.in("agent"), filepath.Join(w.repo, "sample"), w.Prefix, w.Registry, w.Builder); err != nil {
		return err
	}
	if err := w.Agent.Start(ctx); err != nil {
		return err
	}
	w.Controller, err = newController(ctx, filepath.Join(w.Bin, "unidesk-controller"), w.repo, w.in("master"), w.Settings(options))
	return err
}

// Settings are what the controller was configured with; a test changes some and
// calls [World.Configure].
func (w *World) Settings(options Options) ControllerSettings {
	return ControllerSettings{
		SSHConfig: w.SSH.ClientConfig, Command: w.Agent.Stdio(),
		Master: w.Master, Registry: w.Registry, Services: options.Services,
	}
}

// Configure writes the controller's configuration anew.
func (w *World) Configure(s ControllerSettings) error { return w.Controller.Write(w.repo, s) }

// install brings the first commit of services live.
func (w *World) install(ctx context.Context, ids []string) error {
	versions := make([]Summary, len(ids))
	group, building := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, id := range ids {
		group.Go(func() error {
			if w.CI.Source(id) == nil {
				return fmt.Errorf("the sample has no service %q", id)
			}
			commit, err := w.CI.Source(id).Head(building)
			if err != nil {
				return err
			}
			versions[i], err = w.CI.Publish(building, id, commit)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, v := range versions {
		w.Installed[v.ServiceID] = v
	}
	return w.Master.Install(ctx, w.Builder, slices.Clip(versions)...)
}

// Close stops everything and removes what the lab made.
func (w *World) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	var group errgroup.Group
	errs = append(errs, w.Agent.Stop(), w.SSH.Close())
	if w.Master != nil && w.Master.Engine != nil && !w.Engine.Private {
		errs = append(errs, w.Master.Reset(ctx))
	}
	group.Go(w.Engine.Close)
	group.Go(w.Builder.Close)
	group.Go(w.Registry.Stop)
	errs = append(errs, group.Wait())
	errs = append(errs, w.guard.release())
	if w.Dir != "" && !w.keep {
		errs = append(errs, os.RemoveAll(w.Dir))
	}
	return errors.Join(errs...)
}

func (w *World) in(name string) string { return filepath.Join(w.Dir, name) }
