package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The lab's interfaces on the machine outside. nspawn would make names from the host's, but 15 bytes do not hold those.
func (s slot) bridge() string     { return fmt.Sprintf("udlab%d", s) }
func (s slot) linkD601() string   { return s.bridge() + "-d601" }
func (s slot) linkMaster() string { return s.bridge() + "-master" }

// network is the lab's addresses. A bridge joins the hosts: unlike routing between them it needs no forwarding on the
// machine outside, and the test's own process has an address on it too, for a proxy between the two.
type network struct {
	outside, d601, master netip.Addr
}

// prefixes are the networks that the lab may take; the first that no interface of the
// machine is in is taken.
func prefixes() []netip.Prefix {
	var all []netip.Prefix
	for third := byte(1); third <= 8; third++ {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 86, third, 0}), 24))
	}
	return all
}

func newNetwork(ctx context.Context, s slot) (network, error) {
	prefix, err := freePrefix()
	if err != nil {
		return network{}, err
	}
	n := network{outside: prefix.Addr().Next()}
	n.d601 = n.outside.Next()
	n.master = n.d601.Next()
	for _, args := range [][]string{
		{"link", "add", s.bridge(), "type", "bridge"},
		{"address", "add", netip.PrefixFrom(n.outside, prefix.Bits()).String(), "dev", s.bridge()},
		{"link", "set", s.bridge(), "up"},
	} {
		if err := run(ctx, "ip", args...); err != nil {
			return n, err
		}
	}
	return n, s.passFirewall(ctx)
}

func freePrefix() (netip.Prefix, error) {
	used, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
next:
	for _, prefix := range prefixes() {
		for _, addr := range used {
			if taken, err := netip.ParsePrefix(addr.String()); err == nil && taken.Masked().Overlaps(prefix) {
				continue next
			}
		}
		return prefix, nil
	}
	return netip.Prefix{}, errors.New("all of the lab's address ranges are in use on this machine")
}

// firewallRule admits what crosses the bridge.
func (s slot) firewallRule() []string {
	return []string{"FORWARD", "-i", s.bridge(), "-o", s.bridge(), "-m", "comment", "--comment", "unidesk-lab", "-j", "ACCEPT"}
}

// passFirewall is needed beside an engine on the machine, also if the engine starts after the lab: the engine has bridged packets pass
// iptables, with DROP as the policy there. If the kernel cannot do so, the rule may fail.
func (s slot) passFirewall(ctx context.Context) error {
	err := run(ctx, "iptables", append([]string{"--wait", "--insert"}, s.firewallRule()...)...)
	if _, absent := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables"); absent != nil {
		return nil
	}
	return err
}

// removeNetwork removes what newNetwork made. A host's own link goes away with the host.
func (s slot) removeNetwork(ctx context.Context) error {
	var errs []error
	for _, name := range []string{s.linkD601(), s.linkMaster(), s.bridge()} {
		if _, err := net.InterfaceByName(name); err == nil {
			errs = append(errs, run(ctx, "ip", "link", "delete", name))
		}
	}
	const atMost = 8 // one is left per killed lab, unless a person added some
	for range atMost {
		if run(ctx, "iptables", append([]string{"--wait", "--check"}, s.firewallRule()...)...) != nil {
			break
		}
		errs = append(errs, run(ctx, "iptables", append([]string{"--wait", "--delete"}, s.firewallRule()...)...))
	}
	return errors.Join(errs...)
}

// connect plugs a host that is starting into the bridge. The default route leads nowhere further, but programs that pick
// an address by it (kubelet does) want to see one.
func (h *Host) connect(ctx context.Context) error {
	inside := func(args ...string) error {
		return run(ctx, "nsenter", append([]string{"--target", strconv.Itoa(h.PID()), "--net", "--", "ip"}, args...)...)
	}
	if err := run(ctx, "ip", "link", "set", h.link, "master", h.bridge, "up"); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"address", "add", netip.PrefixFrom(h.Addr, 24).String(), "dev", "host0"},
		{"link", "set", "host0", "up"},
		{"route", "add", "default", "via", h.gateway.String()},
	} {
		if err := inside(args...); err != nil {
			return err
		}
	}
	return nil
}

// Shape makes the link slow, in both directions: each host receives at most rateMbit megabits a second. Zero removes the
// limit. The kernel's token bucket lets 256 kB through at once, so a few packets prove nothing about a rate.
func (l *Lab) Shape(ctx context.Context, rateMbit int) error {
	for _, host := range l.hosts() {
		// Deleting what is not there is an error, replacing it is not: so there is always something to delete.
		args := []string{"qdisc", "replace", "dev", host.link, "root", "pfifo"}
		if rateMbit > 0 {
			args = []string{"qdisc", "replace", "dev", host.link, "root", "tbf", "rate", strconv.Itoa(rateMbit) + "mbit", "burst", "256kb", "latency", "200ms"}
		}
		if err := run(ctx, "tc", args...); err != nil {
			return fmt.Errorf("shape the link of %s: %w", host.Name, err)
		}
	}
	return nil
}

// Counters are bytes that crossed D601's link since it booted, as the kernel counts frames.
// Segmentation offload merges frames, so a few per cent of headers may be missing: for exact
// figures count the payload as well.
type Counters struct {
	ToD601, FromD601 uint64
}

// Sub is what crossed since an earlier reading.
func (c Counters) Sub(before Counters) Counters {
	return Counters{ToD601: c.ToD601 - before.ToD601, FromD601: c.FromD601 - before.FromD601}
}

// Counters reads the link between the two hosts.
func (l *Lab) Counters() (Counters, error) {
	sent, err := statistic(l.D601.link, "tx_bytes")
	if err != nil {
		return Counters{}, err
	}
	received, err := statistic(l.D601.link, "rx_bytes")
	return Counters{ToD601: sent, FromD601: received}, err
}

func statistic(link, name string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join("/sys/class/net", link, "statistics", name))
	if err != nil {
		return 0, fmt.Errorf("read the link's counters: %w", err)
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// Plug connects D601's cable, or pulls it: nothing crosses then, and neither host gets a notice.
func (l *Lab) Plug(ctx context.Context, in bool) error {
	state := "down"
	if in {
		state = "up"
	}
	return run(ctx, "ip", "link", "set", l.D601.link, state)
}
