package agent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/layers"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
)

// run runs the program to its end.
func run(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestStdioWithoutAnAgentSaysSoAndGreetsNobody(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := run(t, nil, program, "stdio", "--socket", filepath.Join(t.TempDir(), "none"))
	if stdout != "" || code != tunnel.ExitNoAgent || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "unidesk-agent: dial unix") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestStdioEndsWithItsInput(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := run(t, nil, program, "stdio", "--socket", serve(t, agent.Config{}))
	if !strings.HasPrefix(stdout, tunnel.Preface) || code != 0 || stderr != "" {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// systemd takes the connection for an agent that does not start: the far end hears that,
// and does not wait until it gives up. An agent that is slow to start is waited for.
func TestStdioReportsAnAgentThatSystemdCannotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		troubles []string // answers to the questions, in their order
		want     string
	}{
		"it does not start": {[]string{"it is failed"}, "it is failed"},
		"it is slow":        {[]string{"", "", ""}, ""},
		"not at once":       {[]string{"", "it is failed"}, "it is failed"},
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		in, held := io.Pipe() // the far end goes on
		asked := 0
		var out bytes.Buffer
		err = agent.Join(t.Context(), path, in, &out, time.Millisecond, func(context.Context) string {
			asked++
			if asked == len(c.troubles) && c.want == "" { // it starts, and ends
				go func() {
					conn, err := l.Accept()
					if err == nil {
						_, _ = conn.Write([]byte("hello"))
						_ = conn.Close()
					}
				}()
			}
			return c.troubles[min(asked, len(c.troubles))-1]
		})
		if c.want == "" && (err != nil || out.String() != tunnel.Preface+"hello") {
			t.Errorf("%s: %v, %q", name, err, &out)
		}
		if c.want != "" && (fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) || err.Error() != c.want || asked != len(c.troubles)) {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
		_, _ = held.Close(), l.Close()
	}
}

// A far end that has ended its half may still be answered.
func TestStdioPassesHalfClosesOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b, _ := io.ReadAll(c) // ends with the half
		_, _ = c.Write(bytes.ToUpper(b))
		_ = c.Close()
	}()
	stdout, _, code := run(t, strings.NewReader("question"), program, "stdio", "--socket", path)
	if stdout != tunnel.Preface+"QUESTION" || code != 0 {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}

// A line that takes no more has stdio sleep until it does.
func TestStdioSleepsWhileTheFarEndTakesNothing(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_ = l.(*net.UnixListener).SetDeadline(time.Now().Add(time.Minute))
	full := make(chan struct{})
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			close(full)
			return
		}
		defer func() { _ = conn.Close() }()
		for err == nil { // until pipe and socket are full
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, err = conn.Write(make([]byte, 64<<10))
		}
		close(full)
		<-t.Context().Done()
	}()
	var pipe [2]int // as sshd makes it: its ends block
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	in, out := os.NewFile(uintptr(pipe[0]), "in"), os.NewFile(uintptr(pipe[1]), "out")
	defer func() { _ = in.Close() }()
	cmd := exec.CommandContext(t.Context(), program, "stdio", "--socket", socket)
	cmd.Stdout = out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = out.Close()
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	<-full
	threads := fmt.Sprintf("/proc/%d/task/*/stat", cmd.Process.Pid)
	for looks, slept := 0, 0; slept < 10; looks++ {
		if looks > 1000 {
			t.Fatal("a thread goes on")
		}
		time.Sleep(10 * time.Millisecond)
		if slept++; !asleep(t, threads) {
			slept = 0
		}
	}
}

// asleep reports whether all threads whose states are in the files wait for something.
func asleep(t *testing.T, pattern string) bool {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return false // it has just ended
		}
		state := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))[0]
		if state != "S" {
			return false
		}
	}
	return true
}

func TestStdioEndsWithTheAgent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_ = c.Close()
		}
	}()
	silent, w, err := os.Pipe() // a controller that sends nothing and stays
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	defer w.Close()
	if stdout, _, code := run(t, silent, program, "stdio", "--socket", path); stdout != tunnel.Preface || code != 0 {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
}

func TestAChattyShellBeforeStdioIsAClearError(t *testing.T) {
	t.Parallel()
	socket := serve(t, agent.Config{})
	c := tunnel.Config{Command: []string{"sh", "-c", `echo "Last login: Mon"; exec "$0" stdio --socket "$1"`, program, socket}}
	_, err := rpc.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) { return tunnel.Dial(ctx, c) }, rpc.Options{})
	if fault.ReasonOf(err) != fault.NotAnAgent || !strings.Contains(err.Error(), "Last login: Mon") {
		t.Errorf("got %v", err)
	}
}

func TestAnAccountWithoutARoleIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	url, _ := newRegistry(t, 1000, 1)
	socket := serve(t, agent.Config{Registry: url})
	nobody := tunnel.Config{Command: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "stdio", "--socket", socket}}
	call := func() error {
		client, err := rpc.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) { return tunnel.Dial(ctx, nobody) }, rpc.Options{})
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		_, err = client.Describe(t.Context())
		return err
	}
	// t.TempDir is 0700 above the socket's folder, which is 0750 itself.
	if err := call(); fault.ReasonOf(err) != fault.RoleMissing || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the folder: %v", err)
	}
	for dir := filepath.Dir(socket); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := call(); fault.ReasonOf(err) != fault.RoleMissing || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("the socket: %v", err)
	}
	if err := os.Chmod(socket, 0o666); err != nil { // systemd's default
		t.Fatal(err)
	}
	if err := call(); fault.ReasonOf(err) != fault.RoleMissing || !strings.Contains(err.Error(), "uid 65534 has none") {
		t.Errorf("the role: %v", err)
	}
}

func TestAnAccountHasTheRoleThatTheConfigurationGivesIt(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	socket := serve(t, agent.Config{Roles: agent.Roles{Operate: []string{"65534"}}})
	for dir := filepath.Dir(socket); dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(socket, -1, 65534); err != nil {
		t.Fatal(err)
	}
	client := dial(t, tunnel.Config{Command: []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "stdio", "--socket", socket}})
	d, err := client.Describe(t.Context())
	if err != nil || d.CallerRole != rpc.RoleOperate || d.CallerUID != 65534 || len(d.Capabilities) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	_, _, err = client.List(t.Context(), parse(t, artifact.ParseRepository, repository), 0, "")
	if fault.ReasonOf(err) != fault.CapabilityMissing {
		t.Errorf("an agent without a registry lists: %v", err)
	}
}

func parse[T any](t *testing.T, f func(string) (T, error), s string) T {
	t.Helper()
	v, err := f(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAnAgentKilledInMidStreamIsPickedUpFromThere(t *testing.T) {
	t.Parallel()
	url := bigRegistry(t, 64<<20)
	first := startProgram(t, url)
	client := dial(t, stdioCommand(first.socket))
	img := resolve(t, client)
	h := sha256.New()
	var at int64
	take := func(c layers.Piece) error {
		h.Write(c.Data)
		at = c.Offset + int64(len(c.Data))
		return nil
	}
	err := client.Stream(t.Context(), img.Repository, wholeLayers(img), nil, func(c layers.Piece) error {
		if c.Offset == 1<<20 {
			first.kill()
		}
		return take(c)
	})
	if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) || at == img.Bytes {
		t.Fatalf("at %d: %v", at, err)
	}
	first.start() // over the socket that the killed agent left behind
	err = client.Stream(t.Context(), img.Repository, []layers.Range{{Layer: img.Layers[0], Offset: at}}, nil, take)
	if err != nil {
		t.Fatal(err)
	}
	if got := digestOf(h); got != img.Layers[0].Digest {
		t.Errorf("picked up to %s", got)
	}
}

func TestStoppingIsBounded(t *testing.T) {
	t.Parallel()
	a, socket := newAgent(t, agent.Config{Registry: bigRegistry(t, 64<<20)})
	const grace = 200 * time.Millisecond
	a.SetGrace(grace)
	stop := runAgent(t, a, socket)
	client := dial(t, tunnel.Config{Socket: socket})
	img := resolve(t, client)
	stopped := false
	err := client.Stream(t.Context(), img.Repository, wholeLayers(img), nil, func(layers.Piece) error {
		if !stopped {
			stopped = true
			began := time.Now()
			stop() // returns when the agent has ended, though this stream has not
			if time.Now().Before(began.Add(grace)) {
				t.Error("the agent ended before its grace was over")
			}
		}
		return nil
	})
	if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestReflectionAndHealthAreServed(t *testing.T) {
	t.Parallel()
	url, _ := newRegistry(t, 10, 1)
	conn, err := grpc.NewClient("unix://"+serve(t, agent.Config{Registry: url}), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, service := range []string{"", "unidesk.artifact.v1.ImageService"} {
		r, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || r.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v, %v", service, r, err)
		}
	}
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	r, err := stream.Recv()
	if err != nil || !strings.Contains(r.String(), "unidesk.artifact.v1.ImageService") || strings.Contains(r.String(), "WorkloadService") {
		t.Errorf("%v, %v", r, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestSystemdHandsTheSocketOverAndHearsOfIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notifications, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = notifications.Close() }()
	expect := func(want string) {
		t.Helper()
		_ = notifications.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 100)
		n, err := notifications.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("notified of %q, want %q: %v", b[:n], want, err)
		}
	}
	socket := filepath.Join(dir, "activated.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	fd, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	config := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(config, []byte("version: 1\nsocket: "+dir+"/not-made.sock\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The variables of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3); the
	// first names the process itself, hence the shell.
	cmd := exec.Command("sh", "-c", `export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$0" serve --config "$1"`, program, config)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=agent.sock", "NOTIFY_SOCKET="+notifications.LocalAddr().String(), "WATCHDOG_USEC=200000")
	cmd.ExtraFiles = []*os.File{fd}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	expect("READY=1")
	expect("WATCHDOG=1")
	expect("WATCHDOG=1")
	if os.Getuid() == 0 {
		if _, err := dial(t, tunnel.Config{Socket: socket}).Describe(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir + "/not-made.sock"); err == nil {
		t.Error("made a socket of its own as well")
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	for {
		b := make([]byte, 100)
		_ = notifications.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := notifications.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(b[:n]) == "STOPPING=1" {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, `{"time":`) {
			t.Errorf("not a JSON log line: %q", line)
		}
	}
	if _, err := os.Stat(socket); err != nil {
		t.Error("systemd's socket was removed")
	}
}

func TestAConfigurationThatIsWrongKeepsTheAgentDown(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(config, []byte("version: 1\nroles: {rad: [x]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := run(t, nil, program, "serve", "--config", config)
	if code == 0 || !strings.Contains(stderr, "rad") || !strings.Contains(stderr, config) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
