package tunnel

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parentMode makes this test binary the parent in TestAChildDiesWithItsParent.
const parentMode = "TUNNEL_TEST_PARENT"

func TestOnlyTheEndOfALongComplaintIsKept(t *testing.T) {
	t.Parallel()
	_, err := Dial(t.Context(), shell("yes complaint | head -c 1000000 >&2; echo the-last-word >&2; exit 255"))
	if n := len(err.Error()); n > 2*tailSize || !strings.Contains(err.Error(), "the-last-word") {
		t.Errorf("%d bytes ending in %q", n, err.Error()[max(0, n-50):])
	}
}

func TestCloseEndsAChildThatDoesNotListen(t *testing.T) {
	t.Parallel()
	conn := open(t, shell("trap '' TERM HUP INT PIPE; sleep infinity & "+greet+"echo $$ $!; while :; do sleep 1; done"))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Fields(line) {
		waitGone(t, f)
	}
	if err := conn.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("read from a closed connection")
	}
}

func TestAChildIsInASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	conn := open(t, shell(greet+"echo $$; exec cat"))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	// proc_pid_stat(5): pid (comm) state ppid pgrp session …
	stat, err := os.ReadFile("/proc/" + strings.TrimSpace(line) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if diff := cmp.Diff([]string{strings.TrimSpace(line), strings.TrimSpace(line)}, fields[2:4]); diff != "" {
		t.Errorf("process group and session: %s", diff)
	}
}

// beParent opens a tunnel from a goroutine whose thread then ends, prints the child's
// id, and waits to be killed.
func beParent() {
	conn, err := Dial(context.Background(), shell(greet+"echo $$; exec sleep 1000"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	line, _ := bufio.NewReader(conn).ReadString('\n')
	_, _ = os.Stdout.WriteString(line)
	select {}
}

func TestAChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentMode+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || syscall.Kill(pid, 0) != nil {
		t.Fatalf("no child %q: %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	waitGone(t, strings.TrimSpace(line))
}

// waitGone waits until a process is gone or an unreaped zombie.
func waitGone(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %s still lives", pid)
}

func FuzzPrintable(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\r\n\x00\xff@@@@\nWARNING\u202e"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range printable(b) {
			if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\u202e' {
				t.Fatalf("%q keeps %q", b, r)
			}
		}
	})
}
