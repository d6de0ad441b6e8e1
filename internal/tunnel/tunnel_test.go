package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestMain(m *testing.M) {
	if os.Getenv(parentMode) != "" {
		beParent()
		return
	}
	goleak.VerifyTestMain(m)
}

// shell is an agent's stand-in: a script that is run as the configured command.
func shell(script string) Config { return Config{Command: []string{"sh", "-c", script}} }

const greet = "printf 'unidesk-agent-stdio/1\\n'; "

func open(t *testing.T, c Config) *Conn {
	t.Helper()
	conn, err := Dial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestBytesCrossAndAreCounted(t *testing.T) {
	t.Parallel()
	conn := open(t, shell(greet+"exec cat"))
	message := strings.Repeat("x\x00\xff\r\n", 100_000)
	written := make(chan struct{})
	go func() {
		defer close(written) // what is written is counted after it went
		_, _ = io.WriteString(conn, message)
	}()
	got := make([]byte, len(message))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != message {
		t.Fatalf("echo differs: %v", err)
	}
	<-written
	sent, received := conn.Counts()
	if sent != int64(len(message)) || received != int64(len(message)+len(Preface)) {
		t.Errorf("sent %d, received %d of %d", sent, received, len(message))
	}
}

func TestASocketIsReachedWithoutAPreface(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "hello")
			_ = c.Close()
		}
	}()
	conn := open(t, Config{Socket: path})
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDialingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, shell("exec sleep infinity")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestTheConnectionOutlivesItsDialing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Dial(ctx, shell(greet+"exec cat"))
	cancel()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = io.WriteString(conn, "still here") }()
	if _, err := io.ReadFull(conn, make([]byte, 10)); err != nil {
		t.Error(err)
	}
}

func TestDeadlinesHoldAndPass(t *testing.T) {
	t.Parallel()
	conn := open(t, shell(greet+"exec cat"))
	if err := conn.SetDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := conn.SetDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	// cat's output fills up, then its input does.
	if _, err := conn.Write(make([]byte, 16<<20)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("write: %v", err)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Errorf("read after the deadline was lifted: %v", err)
	}
}

func TestABrokenConnectionSaysHowItsChildEnded(t *testing.T) {
	t.Parallel()
	conn := open(t, shell(greet+"read x; echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255"))
	if _, err := io.WriteString(conn, "go\n"); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) || !strings.Contains(err.Error(), "Broken pipe") {
		t.Errorf("got %v", err)
	}
	var writeErr error
	for range 100 { // the pipe may take some
		if _, writeErr = conn.Write(make([]byte, 1<<16)); writeErr != nil {
			break
		}
	}
	if fault.ReasonOf(writeErr) != fault.HostUnreachable {
		t.Errorf("write: %v", writeErr)
	}
}
