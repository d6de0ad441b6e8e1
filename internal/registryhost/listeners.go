package registryhost

import (
	"errors"
	"io/fs"
	"net/netip"
	"slices"

	"github.com/prometheus/procfs"
)

// procSelf is this process's own folder in proc(5). /proc/net is only a link to net in
// it, which ProcSubset=pid hides.
const procSelf = "/proc/self"

// listen is TCP_LISTEN (linux/include/net/tcp_states.h).
const listen = 0x0A

// listeners returns the addresses that are listened on at a port in this network
// namespace. An IPv4 address in IPv6's clothes is the IPv4 address.
func listeners(proc string, port uint16) ([]netip.AddrPort, error) {
	p, err := procfs.NewFS(proc)
	if err != nil {
		return nil, err
	}
	// netlink, which returns the same, is not among the address families of our unit.
	v4, err := p.NetTCP() //nolint:staticcheck // deprecated for netlink, see above
	if err != nil {
		return nil, err
	}
	v6, err := p.NetTCP6() //nolint:staticcheck // deprecated for netlink, see above
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []netip.AddrPort
	for _, s := range append(v4, v6...) {
		addr, ok := netip.AddrFromSlice(s.LocalAddr)
		if ok && s.St == listen && s.LocalPort == uint64(port) {
			found = append(found, netip.AddrPortFrom(addr.Unmap(), port))
		}
	}
	slices.SortFunc(found, netip.AddrPort.Compare)
	return slices.Compact(found), nil
}
