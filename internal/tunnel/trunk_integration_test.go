//go:build integration

package tunnel_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/tunnel"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// runtimeDir makes a fit folder the place of control sockets, and returns it.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tt") //nolint:usetesting // a socket has a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	return dir
}

// accepted counts the log-ins to sshd.
func accepted(t *testing.T, s *lab.SSHD) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(filepath.Dir(s.ClientConfig), "sshd.log"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, []byte("Accepted publickey for "))
}

func echoes(conn *tunnel.Conn, n int) error {
	message := make([]byte, n)
	for i := range message {
		message[i] = byte(rand.Uint32())
	}
	go func() { _, _ = conn.Write(message) }()
	got := make([]byte, n)
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, message) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func TestBranchesRideOnOneConnection(t *testing.T) {
	s, dir := startSSHD(t), runtimeDir(t)
	trunk := tunnel.NewTrunk(through(s, greet+"exec cat"))
	before := accepted(t, s)
	conns := make([]*tunnel.Conn, 8)
	for i := range conns {
		var err error
		if i == 0 {
			conns[i], err = trunk.Dial(t.Context())
		} else {
			conns[i], err = trunk.Branch(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conns[i].Close() }()
	}
	var all sync.WaitGroup
	for _, conn := range conns {
		all.Go(func() {
			if err := echoes(conn, 2<<20); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := accepted(t, s) - before; n != 1 {
		t.Errorf("%d log-ins", n)
	}
	if left, _ := filepath.Glob(dir + "/*/c"); len(left) != 1 {
		t.Errorf("control sockets: %v", left)
	}
	// The end of a branch is not the others'.
	_ = conns[7].Close()
	if err := echoes(conns[0], 1000); err != nil {
		t.Error(err)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := trunk.Branch(t.Context()); fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("a branch of a closed connection: %v", err)
	}
}

// A host may serve a single session on a connection.
func TestARefusedBranchLeavesTheTrunk(t *testing.T) {
	s := startSSHD(t)
	_ = runtimeDir(t)
	if err := s.Stop(); err != nil {
		t.Log(err)
	}
	config := filepath.Join(filepath.Dir(s.ClientConfig), "sshd_config")
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(b, "MaxSessions 1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	trunk := tunnel.NewTrunk(through(s, greet+"exec cat"))
	conn, err := trunk.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	before := accepted(t, s)
	_, err = trunk.Branch(t.Context())
	if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("got %v", err)
	}
	t.Log(err)
	if n := accepted(t, s) - before; n != 0 {
		t.Errorf("%d more log-ins", n)
	}
	if err := echoes(conn, 1<<20); err != nil {
		t.Error(err)
	}
}

// Neither a jump host of the user's nor a plain way there makes a branch dial.
func TestABranchNeverDials(t *testing.T) {
	for name, more := range map[string]string{"plain": "", "by a jump host": "\n  ProxyJump " + lab.HostAlias + "-gate"} {
		t.Run(name, func(t *testing.T) {
			s, dir := startSSHD(t), runtimeDir(t)
			b, err := os.ReadFile(s.ClientConfig)
			if err != nil {
				t.Fatal(err)
			}
			gate := strings.Replace(string(b), "Host "+lab.HostAlias, "Host "+lab.HostAlias+"-gate", 1)
			config := filepath.Join(t.TempDir(), "ssh_config")
			if err := os.WriteFile(config, []byte(strings.TrimRight(string(b), "\n")+more+"\n"+gate), 0o600); err != nil {
				t.Fatal(err)
			}
			c := through(s, greet+"exec cat")
			c.SSH.ConfigFile = config
			trunk := tunnel.NewTrunk(c)
			conn, err := trunk.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			branch, err := trunk.Branch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = branch.Close()
			before := accepted(t, s)
			sockets, _ := filepath.Glob(dir + "/*/c")
			for _, path := range sockets {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := trunk.Branch(t.Context()); fault.ReasonOf(err) != fault.HostUnreachable {
				t.Errorf("got %v", err)
			}
			if n := accepted(t, s) - before; len(sockets) != 1 || n != 0 {
				t.Errorf("%v; %d more log-ins", sockets, n)
			}
		})
	}
}

func TestTheEndOfTheTrunkIsThatOfItsBranches(t *testing.T) {
	s := startSSHD(t)
	_ = runtimeDir(t)
	trunk := tunnel.NewTrunk(through(s, greet+"exec cat /dev/zero"))
	conn, err := trunk.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	pid := ourSSH(t)
	branch, err := trunk.Branch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = branch.Close() }()
	if _, err := io.CopyN(io.Discard, branch, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, branch)
	if fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("got %v", err)
	}
	t.Log(err)
	// The next call makes another connection, with room for branches.
	next, err := trunk.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = next.Close() }()
	again, err := trunk.Branch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

// ourSSH is the ssh that this test binary has as a child.
func ourSSH(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=,comm=", "--ppid", strconv.Itoa(os.Getpid())).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 2 && f[1] == "ssh" {
			pid, err := strconv.Atoi(f[0])
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("no ssh")
	return 0
}

// trunkMode makes this test binary the process that TestAKilledProcessLeavesNothing kills.
const trunkMode = "TUNNEL_TEST_TRUNK"

func TestAKilledProcessLeavesNothing(t *testing.T) {
	if config := os.Getenv(trunkMode); config != "" {
		holdTrunk(t, config)
		return
	}
	s, dir := startSSHD(t), runtimeDir(t)
	child := exec.Command(os.Args[0], "-test.run=^TestAKilledProcessLeavesNothing$")
	child.Env = append(os.Environ(), trunkMode+"="+s.ClientConfig)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Wait() }()
	defer func() { _ = child.Process.Kill() }()
	ready := make([]byte, 6)
	if _, err := io.ReadFull(out, ready); err != nil || string(ready) != "ready\n" {
		t.Fatalf("%q, %v", ready, err)
	}
	pids, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(child.Process.Pid)).Output()
	if err != nil || len(strings.Fields(string(pids))) != 2 {
		t.Fatalf("%q, %v", pids, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(pids)) {
		gone(t, pid)
	}
	// What is left is a folder without a process, which the next run removes.
	conn, err := tunnel.NewTrunk(through(s, greet+"exec cat")).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// holdTrunk opens a trunk and a branch and waits to be killed.
func holdTrunk(t *testing.T, config string) {
	t.Helper()
	trunk := tunnel.NewTrunk(tunnel.Config{SSH: &tunnel.SSH{Destination: lab.HostAlias, ConfigFile: config, Command: []string{"sh", "-c", greet + "exec cat"}}})
	conn, err := trunk.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	branch, err := trunk.Branch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = branch.Close() }()
	_, _ = os.Stdout.WriteString("ready\n")
	select {}
}

// gone waits until a process is gone, or a zombie that is not reaped yet.
func gone(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %s still lives", pid)
}
