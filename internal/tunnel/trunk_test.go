package tunnel

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestABranchOfACommandIsAnotherCommand(t *testing.T) {
	t.Parallel()
	trunk := NewTrunk(shell(greet + "echo $$; exec cat"))
	pids := map[string]bool{}
	for _, open := range []func() (*Conn, error){
		func() (*Conn, error) { return trunk.Dial(t.Context()) },
		func() (*Conn, error) { return trunk.Branch(t.Context()) },
	} {
		conn, err := open()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		pid, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pids[pid] = true
	}
	if len(pids) != 2 {
		t.Errorf("%v", pids)
	}
}

func TestNoBranchGrowsWithoutATrunk(t *testing.T) {
	t.Parallel()
	trunk := NewTrunk(Config{SSH: &SSH{Destination: "no-such-host.invalid", ConfigFile: "/dev/null"}})
	if _, err := trunk.Branch(t.Context()); fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("got %v", err)
	}
}

// An ssh that may not make its socket is asked for a connection without.
func TestATrunkWithoutASocketIsAConnectionStill(t *testing.T) {
	bin := shortDir(t)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("XDG_RUNTIME_DIR", bin)
	ssh := `#!/bin/sh
for word; do case $word in ControlPath=/*) echo "unix_listener: cannot bind to path ${word#*=}: Permission denied" >&2; exit 255;; esac; done
printf 'unidesk-agent-stdio/1\n'
exec cat
`
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte(ssh), 0o700); err != nil {
		t.Fatal(err)
	}
	trunk := NewTrunk(Config{SSH: &SSH{Destination: "D601"}})
	conn, err := trunk.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := trunk.Branch(t.Context()); fault.ReasonOf(err) != fault.HostUnreachable || !fault.Retryable(err) {
		t.Errorf("a branch: %v", err)
	}
}
