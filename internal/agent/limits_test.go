package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// The frame types and flags of RFC 9113 that the raw clients below use.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7
	flagEndStream, flagEndHeaders                                              = 1, 4

	clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(b, stream), payload...)
}

// readFrames reads the server's frames until each returns true, or the server hangs up;
// it returns what each returned.
func readFrames(conn net.Conn, each func(kind, flags byte, stream uint32) (enough bool)) bool {
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	header := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, header); err != nil {
			return false
		}
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return false
		}
		if each(header[3], header[4], binary.BigEndian.Uint32(header[5:])) {
			return true
		}
	}
}

// request is a connection's first bytes and a call with any :path (RFC 7541, 6.2.2:
// literal fields without indexing) and an empty message.
func request(pseudo string) []byte {
	var fields []byte
	for _, f := range [][2]string{
		{":method", "POST"},
		{":scheme", "http"},
		{":path", pseudo},
		{":authority", "a"},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		fields = append(append(append(append(fields, 0, byte(len(f[0]))), f[0]...), byte(len(f[1]))), f[1]...)
	}
	b := append([]byte(clientPreface), frame(frameSettings, 0, 0, nil)...)
	b = append(b, frame(frameHeaders, flagEndHeaders, 1, fields)...)
	return append(b, frame(frameData, flagEndStream, 1, make([]byte, 5))...)
}

func send(t *testing.T, path string, b []byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	return conn
}

// raw makes a call and waits until the server has answered or hung up.
func raw(t *testing.T, path, pseudo string) {
	t.Helper()
	conn := send(t, path, request(pseudo))
	readFrames(conn, func(kind, flags byte, stream uint32) bool {
		return stream == 1 && (kind == frameReset || flags&flagEndStream != 0)
	})
	_ = conn.Close()
}

func TestAFloodOfPingsIsAnsweredWithGoAway(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string][]byte{
		"on an idle connection": append([]byte(clientPreface), frame(frameSettings, 0, 0, nil)...),
		"while a call goes on":  request("/grpc.health.v1.Health/Watch"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := serveAs(t, rpc.RoleRead, &counting{})
			conn := send(t, path, begin)
			time.Sleep(200 * time.Millisecond) // what the server sends meanwhile excuses a ping
			var flood []byte
			for range 100 {
				flood = append(flood, frame(framePing, 0, 0, make([]byte, 8))...)
			}
			if _, err := conn.Write(flood); err != nil {
				t.Fatal(err)
			}
			if !readFrames(conn, func(kind, _ byte, _ uint32) bool { return kind == frameGoAway }) {
				t.Error("no GOAWAY")
			}
			if err := call(t, connect(t, path), "/unidesk.artifact.v1.HostService/Describe"); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestMalformedPathsReachNoHandler(t *testing.T) {
	t.Parallel()
	const good = "/unidesk.artifact.v1.HostService/Describe"
	c := &counting{}
	// As admin: nothing but the path stands in the way.
	path := serveAs(t, rpc.RoleAdmin, c)
	raw(t, path, good)
	if c.calls.Load() != 1 {
		t.Fatal("the well-formed path does not reach its handler")
	}
	c = &counting{}
	path = serveAs(t, rpc.RoleNone, c)
	raw(t, path, good)
	bad := []string{"", "/", "//", good[1:], "/" + good, good + "/", good + "?x", good + "#x", good + " ", " " + good, "*", "http://a" + good, "/%2e%2e" + good}
	for i := range len(good) {
		bad = append(bad, good[:i]+"/"+good[i:], good[:i]+"\x00"+good[i:])
	}
	for _, p := range bad {
		raw(t, path, p)
	}
	if n := c.calls.Load(); n != 0 {
		t.Errorf("%d handlers were reached", n)
	}
}

func TestAReceiverThatTakesNothingIsHungUpOn(t *testing.T) {
	t.Parallel()
	c := &counting{blob: func() io.Reader { return zeros{} }}
	path, g := serveWith(t, rpc.RoleRead, c)
	g.sendLimit = 200 * time.Millisecond
	conn := connect(t, path)
	stream, err := artifactv1.NewImageServiceClient(conn).Stream(t.Context(), &artifactv1.StreamRequest{
		Repository: "unidesk/x",
		Ranges:     []*artifactv1.Range{{Digest: artifact.DigestOf(nil).String(), Size: 1 << 40}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if !conn.WaitForStateChange(ctx, connectivity.Ready) {
		t.Fatal("after two minutes the connection is open")
	}
	for {
		if _, err = stream.Recv(); err != nil {
			break
		}
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

// half is request without the end of its message.
func half(pseudo string) []byte {
	whole := request(pseudo)
	head := whole[:len(whole)-9-5]
	return append(head, frame(frameData, 0, 1, []byte{0, 0, 0, 0, 9, 1, 2})...)
}

func TestARequestThatDoesNotArriveIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"/unidesk.artifact.v1.HostService/Describe", "/unidesk.artifact.v1.ImageService/Stream"} {
		c := &counting{}
		path, g := serveWith(t, rpc.RoleRead, c)
		g.requestLimit = 200 * time.Millisecond
		conn := send(t, path, half(method))
		if !readFrames(conn, func(kind, flags byte, stream uint32) bool {
			return stream == 1 && (kind == frameReset || flags&flagEndStream != 0)
		}) {
			t.Errorf("%s is waited for", method)
		}
		if n := c.calls.Load(); n != 0 {
			t.Errorf("%s: %d handlers were reached", method, n)
		}
	}
}

// Without a role the answer comes before the request has.
func TestWithoutARoleNothingOfARequestIsRead(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"/unidesk.artifact.v1.HostService/Describe", "/unidesk.artifact.v1.ImageService/Stream", "/no/such"} {
		path, g := serveWith(t, rpc.RoleNone, &counting{})
		g.requestLimit = time.Hour // longer than a caller waits for the answer
		if !readFrames(send(t, path, half(method)), func(_, flags byte, stream uint32) bool { return stream == 1 && flags&flagEndStream != 0 }) {
			t.Errorf("%s: no answer", method)
		}
	}
}

func TestCallsOfAnAccountAreCounted(t *testing.T) {
	t.Parallel()
	path, g := serveWith(t, rpc.RoleRead, &counting{})
	// A client connects again when a busy server hangs up on a connection that was long in
	// coming. Over each connection the server takes 16 calls.
	var open []*grpc.ClientConn
	for begun := range maxCallsPerUID {
		if begun%16 == 0 {
			open = append(open, connect(t, path))
		}
		watched(t, open[len(open)-1])
	}
	under := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.total
	}
	settle := func(want int) {
		t.Helper()
		for end := time.Now().Add(2 * time.Minute); under() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d calls are counted, want %d", under(), want)
			}
		}
	}
	settle(maxCallsPerUID)
	if err := call(t, connect(t, path), "/unidesk.artifact.v1.HostService/Describe"); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one more call: %v", err)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	settle(0)
	if err := call(t, connect(t, path), "/unidesk.artifact.v1.HostService/Describe"); err != nil {
		t.Errorf("once they have ended: %v", err)
	}
}

// watched begins a call that does not end by itself.
func watched(t *testing.T, conn *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	for {
		watch, err := healthv1.NewHealthClient(conn).Watch(ctx, &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true))
		if err == nil {
			_, err = watch.Recv()
		}
		if status.Code(err) == codes.Unavailable {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
}

type zeros struct{}

func TestLimitsExceededAreCleanErrorsAndTheAgentGoesOn(t *testing.T) {
	t.Parallel()
	c := &counting{}
	path := serveAs(t, rpc.RoleRead, c)
	conn := connect(t, path)
	_, err := artifactv1.NewImageServiceClient(conn).List(t.Context(), &artifactv1.ListRequest{Repository: strings.Repeat("a", 1<<20)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of 1 MiB: %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x", strings.Repeat("a", 64<<10))
	if _, err = artifactv1.NewHostServiceClient(conn).Describe(ctx, &artifactv1.DescribeRequest{}); err == nil {
		t.Error("a header list of more than 64 KiB is read")
	}
	_, err = artifactv1.NewImageServiceClient(conn).List(t.Context(), &artifactv1.ListRequest{Repository: "a", PageSize: 1 << 31})
	if err != nil && status.Code(err) != codes.InvalidArgument {
		t.Errorf("a page of 2^31: %v", err)
	}
	if _, err := artifactv1.NewHostServiceClient(conn).Describe(t.Context(), &artifactv1.DescribeRequest{}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestConnectionsOverTheLimitAreClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	inner, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l := limitListener(inner, roles{uint32(os.Getuid()): rpc.RoleRead}, newRefusals(slog.New(slog.DiscardHandler)))
	accepted := make(chan net.Conn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	defer func() { _ = l.Close(); <-done }()
	// open returns the server's end of a new connection, or nil if it is refused.
	open := func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		refused := make(chan struct{})
		go func() {
			if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
				close(refused)
			}
		}()
		select {
		case there := <-accepted:
			return there
		case <-refused:
			return nil
		}
	}
	var held []net.Conn
	for i := range maxConnsPerUID {
		there := open()
		if there == nil {
			t.Fatalf("connection %d is refused", i)
		}
		held = append(held, there)
	}
	if open() != nil {
		t.Error("one too many is accepted")
	}
	_ = held[0].Close()
	_ = held[0].Close() // counts once
	if held[0] = open(); held[0] == nil {
		t.Fatal("refused though one has gone")
	}
	if open() != nil {
		t.Error("closing twice made room for two")
	}
	for _, there := range held {
		_ = there.Close()
	}
}

func TestTotalConnectionsAreLimitedToo(t *testing.T) {
	t.Parallel()
	known := roles{0: rpc.RoleAdmin, 1: rpc.RoleRead}
	l := limitListener(nil, known, nil).(*countingListener)
	enter := func(uid uint32, want bool) {
		t.Helper()
		if err := l.enter(uid); (err == nil) != want {
			t.Errorf("uid %d: %v", uid, err)
		}
	}
	for i := range maxConnsPerUID {
		enter(1, true)
		enter(4711, i < maxConnsWithoutRole)
	}
	for uid := uint32(100); l.total < maxConns-keptForRoot; uid++ {
		enter(uid, true)
	}
	enter(2, false)
	for range maxConnsPerUID {
		enter(0, true)
	}
	enter(0, false)
	l.leave(1)
	enter(2, true)
	enter(3, false)
}
