package site

import (
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bootstrap"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// described is an agent that only describes itself, after a while.
type described struct {
	rpc.Description
	ahead, takes time.Duration
	// meet, when set, returns when other hosts are asked, too.
	meet func()
}

// Describe implements rpc.Host.
func (d described) Describe(context.Context) (rpc.Description, error) {
	if d.meet != nil {
		d.meet()
	}
	time.Sleep(d.takes / 2)
	d.Time = time.Now().Add(d.ahead)
	time.Sleep(d.takes / 2)
	return d.Description, nil
}

func serveHost(t *testing.T, d described) tunnel.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(rpc.ServerOptions()...)
	rpc.Register(s, d, nil, nil)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
	})
	return tunnel.Config{Socket: path}
}

func TestHostsAreAskedAtTheSameTime(t *testing.T) {
	t.Parallel()
	d := described{Description: rpc.Description{
		AgentVersion: "1.2", CallerRole: rpc.RoleRead, Engine: &rpc.Engine{Version: "28.2"}, ComposeVersion: "2.29.1",
		Capabilities: []rpc.Capability{rpc.CapabilityImageStream, rpc.CapabilityWorkloadCompose}, Disks: []rpc.Disk{{Purpose: rpc.DiskState, Free: 5e9}, {Purpose: rpc.DiskEngine, Free: 5e9}},
	}, ahead: time.Hour + time.Minute, takes: 50 * time.Millisecond}
	// The three answer when all of them are asked, or never.
	var three sync.WaitGroup
	three.Add(3)
	d.meet = func() {
		three.Done()
		three.Wait()
	}
	silent := tunnel.Config{SSH: &tunnel.SSH{Destination: "nowhere", ConfigFile: hangingSSH(t), ConnectTimeout: time.Millisecond}}
	c := Config{Hosts: map[string]tunnel.Config{"a": silent, "b": serveHost(t, d), "c": serveHost(t, d), "d": serveHost(t, d)}}
	list := AskAll(t.Context(), "test", c)
	for _, row := range list[1:] {
		if !row.Reachable || row.Agent.AgentVersion != "1.2" || math.Abs(row.SkewSeconds-3660) > row.RoundTripSeconds/2+0.002 || row.RoundTripSeconds < d.takes.Seconds() {
			t.Errorf("got %+v", row)
		}
	}
	if row := list[0]; row.Reachable || row.Reason != fault.HostUnreachable || row.Message == "" {
		t.Errorf("got %+v", row)
	}
}

// hangingSSH is an ssh_config by which ssh connects to something that never says a word.
func hangingSSH(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ssh_config")
	if err := os.WriteFile(path, []byte("Host *\n  ProxyCommand sleep infinity\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The page that scripts are written by names every key.
func TestHostsPageIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{HostRow{}, rpc.Description{}, bootstrap.Result{}, bootstrap.Act{}, bootstrap.Failure{}, fault.Report{}} {
		for f := range reflect.TypeOf(v).Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || key == "-" {
				continue
			}
			if !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("docs/hosts.md does not name %q of %T", key, v)
			}
		}
	}
}

func TestOnlyTheRegistrysHostIsToldOfARegistry(t *testing.T) {
	t.Parallel()
	c := Defaults()
	if got := firstConfig(c, "D601"); got.Registry != "http://127.0.0.1:5000" || len(got.RegistryRoots) != 1 || got.RegistryRoots[0] != "/home/ubuntu/.unidesk" {
		t.Errorf("D601 gets %+v", got)
	}
	c.Registry.Directory, c.Registry.Storage = "/srv/registry/files", "/data/blobs"
	if got := firstConfig(c, "D601"); !slices.Equal(got.RegistryRoots, []string{"/srv/registry", "/data"}) {
		t.Errorf("D601 gets %+v", got)
	}
	if got := firstConfig(c, "master"); got.Registry != "" {
		t.Errorf("the master gets %+v", got)
	}
}
