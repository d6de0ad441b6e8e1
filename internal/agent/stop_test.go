package agent

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// endless is a host whose installation ends only when it must stop.
type endless struct {
	begun, told, ended chan struct{}
}

func (endless) Inspect(context.Context, registry.Settings) (registry.Facts, error) {
	return registry.Facts{}, nil
}

func (e endless) Install(context.Context, registry.Settings, registry.Hashes, func(registry.Progress)) (registry.Installed, error) {
	close(e.begun)
	<-e.told
	close(e.ended)
	return registry.Installed{}, nil
}

// told is the service of an installation, which its stop ends.
type told struct {
	*rpc.Registry
	endless
}

func (s told) Close() {
	close(s.told)
	s.Registry.Close()
	<-s.ended
}

// gRPC waits for the handler, and the handler for the end of the installation.
func TestAnInstallationIsToldToEndBeforeItIsWaitedFor(t *testing.T) {
	t.Parallel()
	e := endless{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	a := &Agent{log: slog.New(slog.DiscardHandler), grace: 10 * time.Millisecond}
	a.jobs = []service{told{rpc.NewRegistry(e, a.log), e}}
	creds := peerCredentials{func(net.Conn) (uint32, error) { return 1, nil }, roles{1: rpc.RoleAdmin}}
	a.server, a.health = newServer(creds, newGuard(a.log), &counting{}, &counting{}, nil, a.jobs...)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- a.Run(ctx, l) }()
	client, err := rpc.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}, rpc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	s := registry.Defaults()
	go func() {
		_, _ = client.Install(t.Context(), s, registry.Render(s).Hashes(), func(registry.Progress) {})
	}()
	<-e.begun
	cancel()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the agent waits for an installation that nobody ends")
	}
}
