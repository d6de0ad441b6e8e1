package engine

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// defaultStopTimeout is the engine's for a container that sets none.
const defaultStopTimeout = 10 * time.Second

// Forever is the time to stop of a container that the engine waits for without an end.
const Forever = math.MaxInt32 * time.Second

func stopTimeout(in container.InspectResponse) time.Duration {
	switch {
	case in.Config == nil || in.Config.StopTimeout == nil:
		return defaultStopTimeout
	case *in.Config.StopTimeout < 0:
		return Forever
	}
	return time.Duration(*in.Config.StopTimeout) * time.Second
}

// mounts are sorted by target. The engine lists the tmpfs of `--tmpfs` apart.
func mounts(in container.InspectResponse) (all []workload.Mount) {
	for _, m := range in.Mounts {
		all = append(all, workload.Mount{Kind: string(m.Type), Source: cmp.Or(m.Name, m.Source), Target: m.Destination})
	}
	if in.ContainerJSONBase != nil && in.HostConfig != nil {
		for target := range in.HostConfig.Tmpfs {
			all = append(all, workload.Mount{Kind: "tmpfs", Target: target})
		}
	}
	slices.SortFunc(all, func(a, b workload.Mount) int { return strings.Compare(a.Target, b.Target) })
	return all
}

// published returns the host's side of bindings. No address is every address, as the
// engine takes it; no port means that it chooses a port when it starts the container.
func published(ports nat.PortMap) (bound []netip.AddrPort) {
	for _, bindings := range ports {
		for _, b := range bindings {
			if b.HostIP == "" {
				b.HostIP = "0.0.0.0"
			}
			addr, err := netip.ParseAddr(b.HostIP)
			port, portErr := strconv.ParseUint(b.HostPort, 10, 16)
			if err == nil && portErr == nil && port != 0 {
				bound = append(bound, netip.AddrPortFrom(addr, uint16(port)))
			}
		}
	}
	slices.SortFunc(bound, netip.AddrPort.Compare)
	return slices.Compact(bound)
}
