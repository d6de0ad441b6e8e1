package agent_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
)

// half is a request of that many bytes, of which the last never comes.
func half(size int) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		if _, err := w.Write(binary.BigEndian.AppendUint32([]byte{0}, uint32(size))); err == nil {
			_, _ = w.Write(make([]byte, size-1))
		}
	}()
	return r
}

// Accounts with the role read and without any hold all connections that they get, with
// requests that never end, answers that they do not read, and calls beyond counting.
func TestACrowdOfAccountsTakesNeitherMemoryNorRootsPlace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("connects as other accounts, which root can")
	}
	const readers, others = 2, 6
	p := startProgram(t, bigRegistry(t, 8<<20), "roles: {read: [4001, 4002]}\n")
	if err := os.Chmod(p.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(p.socket); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	img := resolve(t, dial(t, stdioCommand(p.socket)))
	stream, err := proto.Marshal(&artifactv1.StreamRequest{
		Repository: img.Repository.String(),
		Ranges:     []*artifactv1.Range{{Digest: img.Layers[0].Digest.String(), Size: uint64(img.Layers[0].Size)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	stream = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(stream))), stream...)

	ctx, stop := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	defer crowd.Wait()
	defer stop()
	call := func(conn *http.ClientConn, method string, body io.ReadCloser) {
		crowd.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent/unidesk.artifact.v1."+method, body)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}}
			if resp, err := conn.RoundTrip(req); err == nil {
				<-ctx.Done() // nothing of the answer is read
				_ = resp.Body.Close()
			}
		})
	}
	connected := 0
	for uid := 4001; uid <= 4000+readers+others; uid++ {
		for range 16 {
			transport := &http.Transport{
				Protocols:   new(http.Protocols),
				DialContext: func(context.Context, string, string) (net.Conn, error) { return agent.DialAs(t, uid, p.socket) },
			}
			transport.Protocols.SetUnencryptedHTTP2(true)
			conn, err := transport.NewClientConn(ctx, "http", "agent:80")
			if err != nil {
				continue // there are too many of the account already
			}
			connected++
			for range 8 {
				call(conn, "ImageService/List", half(1<<18-1))
				call(conn, "HostService/Describe", half(1<<20-1))
				call(conn, "ImageService/Stream", io.NopCloser(bytes.NewReader(stream)))
			}
		}
	}

	if connected < 16*readers {
		t.Fatalf("%d connections are no crowd", connected)
	}
	// The crowd goes on while root is served, again and again.
	client := dial(t, stdioCommand(p.socket))
	for range 5000 {
		if _, err := client.Describe(t.Context()); err != nil {
			t.Fatalf("root is not served: %v", err)
		}
	}
	peak := peakRSS(t, p.cmd.Process.Pid)
	t.Logf("peak %.1f MiB", float64(peak)/(1<<20))
	if peak > 64<<20 {
		t.Errorf("peak of %d bytes", peak)
	}
	lines := 0
	for line := range strings.Lines(p.stderr.String()) {
		if !strings.Contains(line, `"uid":0,`) {
			lines++
		}
	}
	if lines == 0 || lines > 200 {
		t.Errorf("%d lines of the crowd's in the journal", lines)
	}
}
