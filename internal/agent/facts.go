package agent

import (
	"context"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// engineWait bounds the questions to the engine: a hanging engine must not hold up the
// rest of the answer.
const engineWait = 3 * time.Second

// facts reads what HostService.Describe returns.
type facts struct {
	version       string
	registry      string // its host and port
	docker, state string
	capabilities  []rpc.Capability
	compose       composePlugin
	// cluster is nil without a cluster; unserved is why the cluster of agent.yaml is not served.
	cluster  *cluster
	unserved error
}

// Describe implements rpc.Host.
func (f *facts) Describe(ctx context.Context) (rpc.Description, error) {
	c := callerOf(ctx)
	d := rpc.Description{
		AgentVersion: f.version, Capabilities: f.capabilities, CallerRole: c.role, CallerUID: c.uid, Time: time.Now(), Registry: f.registry,
		Platform: artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH},
	}
	d.Hostname, _ = os.Hostname()
	if disk, ok := diskAt(f.state, rpc.DiskState); ok {
		d.Disks = append(d.Disks, disk)
	}
	var root, images string
	var all sync.WaitGroup
	if f.docker != "" {
		all.Go(func() { d.ComposeVersion = f.compose.Version(ctx) })
		all.Go(func() { d.Engine, root = f.engine(ctx) })
	}
	if f.cluster != nil {
		all.Go(func() { d.Cluster = f.cluster.describe(ctx) })
		all.Go(func() { images = f.cluster.imageDir(ctx) })
	}
	all.Wait()
	if f.unserved != nil {
		d.Cluster = &rpc.Cluster{Trouble: troubled(f.unserved)}
	}
	for _, one := range []struct {
		path    string
		purpose rpc.DiskPurpose
	}{{root, rpc.DiskEngine}, {images, rpc.DiskClusterImages}} {
		if disk, ok := diskAt(one.path, one.purpose); ok {
			d.Disks = append(d.Disks, disk)
		}
	}
	return d, nil
}

// engine asks the engine for its versions and its root folder; nil when it does not
// answer. The connection is not kept: it would hold on to the API version of an engine
// that was upgraded meanwhile.
func (f *facts) engine(ctx context.Context) (*rpc.Engine, string) {
	c, err := engine.New("unix://" + f.docker)
	if err != nil {
		return nil, ""
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	info, _ := c.Info(ctx)
	if info.Version == "" {
		return nil, ""
	}
	return &rpc.Engine{Version: info.Version, APIVersion: info.APIVersion}, info.RootDir
}

func diskAt(path string, purpose rpc.DiskPurpose) (rpc.Disk, bool) {
	var st unix.Statfs_t
	if path == "" || unix.Statfs(path, &st) != nil {
		return rpc.Disk{}, false
	}
	unit := uint64(st.Frsize)
	return rpc.Disk{Purpose: purpose, Free: st.Bavail * unit, Total: st.Blocks * unit}, true
}
