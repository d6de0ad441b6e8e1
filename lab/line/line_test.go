//go:build integration

package line

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// namespace is a network that lives as long as the test.
func namespace(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	// It ends with its standard input, also if the test is killed.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "unshare", "--net", "--", "sh", "-c", "ip link set lo up && echo up && exec cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	if _, err := stdout.Read(make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	return "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/net"
}

func TestALineIsAsSlowAsItsLink(t *testing.T) {
	a := End{Namespace: namespace(t), Addr: netip.MustParseAddr("10.99.7.1")}
	b := End{Namespace: namespace(t), Addr: netip.MustParseAddr("10.99.7.2")}
	link := Link{Mbit: 20, RTT: 40 * time.Millisecond}
	l, err := Open(t.Context(), link, a, b)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.Measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: round trip %s, plain TCP %.1f Mbit/s, %+v", link, f.RTT, f.Goodput*8/1e6, l.Counters())
	// A busy machine makes a link slower, never faster.
	if f.RTT < link.RTT || f.Goodput == 0 || f.Goodput > 1.1*link.bytesPerSecond() {
		t.Errorf("a line of %s is faster: %+v", link, f)
	}
	toA, toB := l.Since(time.Time{})
	if n := l.Counters().ToB; len(toB) == 0 || toB[len(toB)-1].Payload != n.Payload || n.Bytes <= n.Payload {
		t.Errorf("the course ends at %v, the count is %+v", toB[len(toB)-1:], n)
	}
	if l.Counters().ToA.Payload == 0 || len(toA) == 0 {
		t.Error("nothing is counted on the way back")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if out, err := l.a.ip(t.Context(), "link", "show"); err != nil || strings.Contains(string(out), deviceName) {
		t.Errorf("the line is closed, and its device is there: %s %v", out, err)
	}
}

// A second line in a namespace would take the first line's packets.
func TestANamespaceHasOneLine(t *testing.T) {
	a := End{Namespace: namespace(t), Addr: netip.MustParseAddr("10.99.7.1")}
	b := End{Namespace: namespace(t), Addr: netip.MustParseAddr("10.99.7.2")}
	l, err := Open(t.Context(), Link{Mbit: 10, RTT: time.Millisecond}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	second, err := Open(t.Context(), Link{Mbit: 10, RTT: time.Millisecond}, a, b)
	if err == nil || !strings.Contains(err.Error(), deviceName) {
		t.Errorf("a second line: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
