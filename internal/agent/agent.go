// Package agent is the process on the host that holds the registry: it listens on a unix
// socket, learns from the kernel which account calls, and serves what that account's role
// allows. It decides nothing that the controller decides, and does not link the catalog;
// what it may touch is what agent.yaml places. It does two things unasked: at its
// deadline it reverts a change that no run settles, and it keeps copies of published
// layers in its own folder.
//
// An account that may write to the socket's folder, or to agent.yaml, can do all that this
// agent can. No account may call a method without a role option in the contract.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
	"github.com/pikasTech/unidesk-artifact-cd/internal/pull"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registryhost"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// stopGrace is how long calls under way get to end when the agent must stop. A
	// layer's stream is cut then; its receiver continues it later.
	stopGrace = 10 * time.Second
	// memoryLimit is far above what is needed (some 6 MiB beside the program itself)
	// and makes the collector work hard before the process comes near the 64 MiB that
	// it promises to stay under. gcPercent keeps a heap that small from being let
	// grow to Go's usual 4 MiB between collections.
	memoryLimit = 32 << 20
	gcPercent   = 25
)

// Agent is an agent that is ready to run.
type Agent struct {
	log    *slog.Logger
	server *grpc.Server
	health *health.Server
	images *pull.Registry
	// deltas are the copies of layers, and keeper makes them; nil if none are kept.
	deltas *store.Store
	keeper *store.Keeper
	grace  time.Duration
	// jobs are the services whose acts outlive their calls.
	jobs     []service
	roles    roles
	refusals *refusals
	// placed are the projects and the cluster; nil without any.
	placed *placed
}

// New puts an agent together. It listens on nothing yet.
func New(c Config, version string, log *slog.Logger) (*Agent, error) {
	roles, err := newRoles(c.Roles)
	if err != nil {
		return nil, err
	}
	g := newGuard(log)
	a := &Agent{log: log, grace: stopGrace, roles: roles, refusals: g.refusals}
	facts := &facts{version: version, docker: c.Docker, state: c.State, compose: composePlugin{folders: composeFolders()}}
	var images rpc.Images // stays nil without a registry
	var deltas rpc.Deltas // stays nil without copies
	if c.Registry != "" {
		if a.images, err = pull.New(pull.Config{URL: c.Registry}); err != nil {
			return nil, err
		}
		images, facts.registry = a.images, a.images.Host()
		facts.capabilities = append(facts.capabilities, rpc.CapabilityImageStream)
		if len(c.Repositories) > 0 {
			a.deltas = store.New(filepath.Join(c.State, "deltas"), c.DeltaQuota)
			deltas = a.deltas
			facts.capabilities = append(facts.capabilities, rpc.CapabilityImageDelta)
			a.keeper = store.NewKeeper(a.deltas, a.images, c.Repositories, log)
		}
	}
	if len(c.RegistryRoots) > 0 {
		a.jobs = append(a.jobs, rpc.NewRegistry(registryhost.New(c.RegistryRoots, "unix://"+c.Docker), log))
		facts.capabilities = append(facts.capabilities, rpc.CapabilityRegistry)
	}
	if len(c.Projects) > 0 || c.Kubernetes != nil {
		if a.placed, err = newPlaced(c, a.images, log); err != nil {
			return nil, err
		}
		a.jobs = append(a.jobs, rpc.NewWorkloads(workload.Via(a.placed.find), log))
		facts.cluster, facts.unserved = a.placed.cluster, a.placed.unserved
	}
	if len(c.Projects) > 0 {
		facts.capabilities = append(facts.capabilities, rpc.CapabilityWorkloadCompose)
	}
	if c.Kubernetes != nil {
		facts.capabilities = append(facts.capabilities, rpc.CapabilityWorkloadKubernetes)
	}
	a.server, a.health = newServer(peerCredentials{uid: socketUID, roles: roles}, g, facts, images, deltas, a.jobs...)
	return a, nil
}

// service is a service that registers itself. Close ends its jobs, waits for what must
// not be left half done and lets nothing begin.
type service interface {
	Register(r grpc.ServiceRegistrar)
	Close()
}

// newServer registers all services behind the guard, which then learns their methods.
func newServer(creds peerCredentials, g *guard, host rpc.Host, images rpc.Images, deltas rpc.Deltas, more ...service) (*grpc.Server, *health.Server) {
	s := grpc.NewServer(append(rpc.ServerOptions(),
		grpc.Creds(creds), grpc.InTapHandle(g.enter), grpc.ChainUnaryInterceptor(g.unary), grpc.ChainStreamInterceptor(g.stream))...)
	rpc.Register(s, host, images, deltas)
	for _, one := range more {
		one.Register(s)
	}
	h := health.NewServer()
	healthv1.RegisterHealthServer(s, h)
	reflection.Register(s)
	g.learn(s.GetServiceInfo())
	for name := range s.GetServiceInfo() {
		h.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
	return s, h
}

// Run serves the listener, which it closes, until ctx ends; then calls under way
// get a while to end, and an installation as long as it needs to leave nothing half
// done.
func (a *Agent) Run(ctx context.Context, l net.Listener) error {
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(gcPercent)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := a.server.Serve(limitListener(l, a.roles, a.refusals)); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		daemonlog.Supervise(ctx, a.log)
		return nil
	})
	if a.keeper != nil {
		group.Go(func() error {
			a.keeper.Run(ctx)
			return nil
		})
	}
	if a.placed != nil {
		group.Go(func() error {
			a.placed.watch(ctx)
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		a.stop()
		return nil
	})
	err := group.Wait()
	if a.images != nil {
		_ = a.images.Close()
	}
	if a.placed != nil {
		a.placed.close()
	}
	return err
}

// stop ends the server: no new calls, a while for those under way, then none. It waits for
// jobs that must not be left half done, a recreate above all. It asks them to stop at once:
// the server waits for every handler, and systemd for none beyond its limit.
func (a *Agent) stop() {
	a.health.Shutdown()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, one := range a.jobs {
		wg.Go(one.Close)
	}
	done := make(chan struct{})
	go func() {
		a.server.GracefulStop()
		close(done)
	}()
	timer := time.NewTimer(a.grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		a.log.Warn("calls still under way are cut", slog.Duration("duration", a.grace))
		a.server.Stop()
		<-done
	}
}
