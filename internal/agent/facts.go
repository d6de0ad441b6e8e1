package agent

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// engineWait bounds each question to the engine: one that hangs must not hold up
// the rest of the answer.
const engineWait = 3 * time.Second

// facts reads what HostService.Describe tells.
type facts struct {
	version       string
	docker, state string
	capabilities  []rpc.Capability
}

// Describe implements rpc.Host.
func (f *facts) Describe(ctx context.Context) (rpc.Description, error) {
	c := callerOf(ctx)
	d := rpc.Description{
		AgentVersion: f.version, Capabilities: f.capabilities, CallerRole: c.role, CallerUID: c.uid, Time: time.Now(),
		Platform: artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH},
	}
	d.Hostname, _ = os.Hostname()
	if disk, ok := diskAt(f.state, rpc.DiskState); ok {
		d.Disks = append(d.Disks, disk)
	}
	if f.docker == "" {
		return d, nil
	}
	var root string
	d.Engine, root = f.engine(ctx)
	if disk, ok := diskAt(root, rpc.DiskEngine); ok {
		d.Disks = append(d.Disks, disk)
	}
	return d, nil
}

// engine asks the engine for its versions and its root folder (Engine API, GET
// /version and /info). Two plain reads: a client library would bring the calls
// that change things.
func (f *facts) engine(ctx context.Context) (*rpc.Engine, string) {
	tr := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", f.docker)
		},
	}
	client := &http.Client{Transport: tr}
	var version struct{ Version, ApiVersion string } //nolint:revive // the API's spelling
	if !ask(ctx, client, "/version", &version) || version.Version == "" {
		return nil, ""
	}
	var info struct{ DockerRootDir string }
	ask(ctx, client, "/info", &info)
	return &rpc.Engine{Version: version.Version, APIVersion: version.ApiVersion}, info.DockerRootDir
}

// ask reads a JSON answer and reports whether there was one.
func ask(ctx context.Context, client *http.Client, path string, into any) bool {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into) == nil
}

func diskAt(path string, purpose rpc.DiskPurpose) (rpc.Disk, bool) {
	var st unix.Statfs_t
	if path == "" || unix.Statfs(path, &st) != nil {
		return rpc.Disk{}, false
	}
	unit := uint64(st.Frsize)
	return rpc.Disk{Purpose: purpose, Free: st.Bavail * unit, Total: st.Blocks * unit}, true
}
