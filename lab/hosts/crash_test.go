//go:build e2e

package hosts_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// upTime is long enough to make the Debian tree on a machine that builds Kubernetes meanwhile.
const upTime = 40 * time.Minute

// holdVariable makes the test binary bring a lab up and wait to be killed.
const holdVariable = "UNIDESK_LAB_HOLD"

func TestMain(m *testing.M) {
	if os.Getenv(holdVariable) == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithTimeout(context.Background(), upTime)
	defer cancel()
	lab, err := hosts.Up(ctx, hosts.Config{Log: os.Stderr})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "up %d %d\n", lab.D601.PID(), lab.Master.PID())
	<-ctx.Done()
}

func TestAKilledLabTakesItsHostsAlongAndTheNextOneCleansUp(t *testing.T) {
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"=1")
	holder.Stderr = t.Output()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the holder printed %q: %v", line, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed: that is its exit

	pids := strings.Fields(line)[1:]
	const patience = 100 // times 100 ms
	for attempt := 0; ; attempt++ {
		if len(running(pids)) == 0 {
			break
		}
		if attempt == patience {
			t.Fatalf("still running: %v", running(pids))
		}
		time.Sleep(100 * time.Millisecond)
	}

	lab, err := hosts.Up(t.Context(), hosts.Config{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	dir := lab.D601.Root
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is still there", dir)
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(mounts), " "+dir+" ") {
		t.Errorf("%s is still mounted, %v", dir, err)
	}
}

// running leaves out a process of which only the exit status is left.
func running(pids []string) []string {
	var alive []string
	for _, pid := range pids {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err == nil && !strings.Contains(string(status), "\nState:\tZ") {
			alive = append(alive, pid)
		}
	}
	return alive
}
