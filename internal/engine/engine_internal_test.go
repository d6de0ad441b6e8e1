package engine

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for long, want := range map[string]string{
		"docker.io/library/x:1": "x:1", "docker.io/me/x:1": "me/x:1", "127.0.0.1:5000/u/x:1": "127.0.0.1:5000/u/x:1", "localhost/x:1": "localhost/x:1",
	} {
		if got := artifact.Familiar(long); got != want {
			t.Errorf("Familiar(%q) = %q", long, got)
		}
		if got := full(want); got != long {
			t.Errorf("full(%q) = %q", want, got)
		}
	}
}

func TestWhoForbidsIsTold(t *testing.T) {
	t.Parallel()
	socket := explain(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}, "act")
	if fault.ReasonOf(socket) != fault.EngineUnavailable || !strings.Contains(fault.HintOf(socket), "group docker") {
		t.Errorf("the socket: %v (%s)", socket, fault.HintOf(socket))
	}
	// An engine answers so for a registry, or for a plugin that authorizes.
	answer := explain(fmt.Errorf("denied: %w", errdefs.ErrPermissionDenied), "act")
	if fault.ReasonOf(answer) != fault.EngineFailed || fault.HintOf(answer) != "" {
		t.Errorf("the engine's answer: %v (%s)", answer, fault.HintOf(answer))
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	for max, want := range map[int][]string{100: {"one", "two", "three"}, 13: {"two", "three"}, 6: {"three"}, 5: nil, 0: nil} {
		l := &tail{max: max}
		for _, b := range []byte("one\r\ntwo\nthree\n") {
			_, _ = l.Write([]byte{b})
		}
		if diff := cmp.Diff(want, l.lines()); diff != "" {
			t.Errorf("last %d bytes (-want +got):\n%s", max, diff)
		}
	}
	l := &tail{max: 10}
	for range 1000 {
		_, _ = l.Write([]byte("0123456789\n"))
	}
	if cap(l.b) > 100 {
		t.Errorf("holds %d bytes", cap(l.b))
	}
}

func TestAnEnvironmentPrintsAsACount(t *testing.T) {
	t.Parallel()
	c := Container{Env: Env{"PASSWORD=hunter2"}}
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(verb, c); strings.Contains(got, "hunter2") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestBindingsAreAddressesOfTheHost(t *testing.T) {
	t.Parallel()
	at := func(s ...string) (out []netip.AddrPort) {
		for _, one := range s {
			out = append(out, netip.MustParseAddrPort(one))
		}
		return out
	}
	for name, c := range map[string]struct {
		ports nat.PortMap
		want  []netip.AddrPort
	}{
		"none":               {nil, nil},
		"exposed only":       {nat.PortMap{"5000/tcp": nil}, nil},
		"one":                {nat.PortMap{"5000/tcp": {{HostIP: "127.0.0.1", HostPort: "5000"}}}, at("127.0.0.1:5000")},
		"every address":      {nat.PortMap{"5000/tcp": {{HostPort: "5000"}}}, at("0.0.0.0:5000")},
		"both families":      {nat.PortMap{"5000/tcp": {{HostIP: "::", HostPort: "5000"}, {HostIP: "0.0.0.0", HostPort: "5000"}}}, at("0.0.0.0:5000", "[::]:5000")},
		"two ports, once":    {nat.PortMap{"5000/tcp": {{HostIP: "127.0.0.1", HostPort: "5000"}}, "5000/udp": {{HostIP: "127.0.0.1", HostPort: "5000"}, {HostIP: "127.0.0.1", HostPort: "80"}}}, at("127.0.0.1:80", "127.0.0.1:5000")},
		"any port":           {nat.PortMap{"5000/tcp": {{HostIP: "127.0.0.1"}, {HostIP: "127.0.0.1", HostPort: "0"}}}, nil},
		"a range and a name": {nat.PortMap{"5000/tcp": {{HostPort: "5000-5001"}, {HostIP: "x", HostPort: "5000"}}}, nil},
	} {
		if diff := cmp.Diff(c.want, published(c.ports), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatAnEngineCanDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		info           Info
		zstd, complete bool
	}{
		{Info{APIVersion: "1.41", Store: Classic}, false, true},
		{Info{APIVersion: "1.42", Store: Classic}, true, true},
		{Info{APIVersion: "1.47", Store: Containerd}, true, false},
		{Info{APIVersion: "1.48", Store: Containerd}, true, true},
		{Info{APIVersion: "2.0", Store: Containerd}, true, true},
		{Info{APIVersion: "?", Store: Containerd}, true, false},
	}
	for _, test := range tests {
		if test.info.ReadsZstd() != test.zstd || test.info.TellsComplete() != test.complete {
			t.Errorf("%+v: zstd %v, complete %v", test.info, test.info.ReadsZstd(), test.info.TellsComplete())
		}
	}
}

func TestCommonLayersCountFromTheBottom(t *testing.T) {
	t.Parallel()
	d := func(s string) (out []artifact.Digest) {
		for _, r := range s {
			out = append(out, artifact.DigestOf([]byte(string(r))))
		}
		return out
	}
	for _, test := range []struct {
		have, want string
		n          int
	}{{"", "abc", 0}, {"abc", "abc", 3}, {"ab", "abc", 2}, {"abcd", "abc", 3}, {"xbc", "abc", 0}, {"axc", "abc", 1}} {
		if got := (Image{DiffIDs: d(test.have)}).CommonLayers(d(test.want)); got != test.n {
			t.Errorf("%s and %s: %d", test.have, test.want, got)
		}
	}
}
