//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// memoryLimit is the most that each process may ever have had in memory.
const memoryLimit = 64 << 20

// peak is VmHWM of both processes, in bytes, while a layer was brought.
type peak struct {
	layer             int64
	controller, agent int64
}

// TestMemoryDoesNotGrowWithTheLayer holds for 100 MB and six times that, over a single
// channel and without copies for deltas: how many channels a stream opens, and when a layer
// is copied, differs from run to run. The benchmark takes 5 GB.
func TestMemoryDoesNotGrowWithTheLayer(t *testing.T) {
	const oneSession = "/etc/ssh/sshd_config.d/one-session.conf"
	withCopies := edit(t, "/etc/unidesk/agent.yaml", "version: 2\n", "version: 2\nrepositories: []\n")
	on(t, "echo MaxSessions 1 >"+oneSession, "systemctl restart ssh")
	usual := sync.OnceFunc(func() {
		on(t, "rm -f "+oneSession, "systemctl restart ssh")
		withCopies()
		on(t, "systemctl restart "+agentUnit)
	})
	defer usual()
	compareMemory(t, 100e6, 600e6)
	usual()
	if p := bring(t, 600e6); p.controller >= memoryLimit || p.agent >= memoryLimit {
		t.Errorf("with channels and copies: controller %s, agent %s, at most %s", mb(p.controller), mb(p.agent), mb(memoryLimit))
	} else {
		fmt.Printf("with channels and copies: controller %s, agent %s\n", mb(p.controller), mb(p.agent))
	}
}

func compareMemory(t *testing.T, small, large int64) {
	t.Helper()
	var table strings.Builder
	fmt.Fprintf(&table, "peak memory (VmHWM) while one layer is brought, stored uncompressed\n%12s %12s %12s\n", "layer", "controller", "agent")
	row := func(p peak) { fmt.Fprintf(&table, "%12s %12s %12s\n", mb(p.layer), mb(p.controller), mb(p.agent)) }
	// What the collector leaves varies by a few per cent from run to run, so the
	// smaller layer is brought twice and the larger of its peaks counts.
	one, again, big := bring(t, small), bring(t, small), bring(t, large)
	row(one)
	row(again)
	row(big)
	fmt.Print(table.String())
	for _, p := range []struct {
		who        string
		small, big int64
	}{{"controller", max(one.controller, again.controller), big.controller}, {"agent", max(one.agent, again.agent), big.agent}} {
		if p.big >= memoryLimit || p.small >= memoryLimit || p.small == 0 {
			t.Errorf("%s: %s and %s, at most %s", p.who, mb(p.small), mb(p.big), mb(memoryLimit))
		}
		if p.big > p.small*11/10 {
			t.Errorf("%s: %s for the large layer and %s for the small one", p.who, mb(p.big), mb(p.small))
		}
	}
}

// bring deploys an image with a single layer of that size, with a fresh agent.
func bring(t *testing.T, size int64) peak {
	t.Helper()
	forget(t, noted)
	image := layered(t, lab.None, lab.Layer{Size: size, Noise: 100})
	must(t, each(t.Context(), two.D601, "systemctl restart unidesk-agent.service"))
	r := begin(t, deployCommand(t, image.ServiceID, image.SourceCommit))
	watched := watch(r)
	r.end(t).want(t, contract.DecidedSucceeded, "", 0)
	p := peak{layer: size, controller: <-watched}
	status, err := two.D601.Output(t.Context(), "cat", "/proc/"+show(t, "unidesk-agent.service", "MainPID")["MainPID"]+"/status")
	must(t, err)
	p.agent = highWater([]byte(status))
	return p
}

// watch follows the controller that a command runs, and no child of its (ssh and
// Compose are not ours), until it is gone. The kernel keeps the peak, so that only
// what is allocated in the last moment could be missed.
func watch(r *running) <-chan int64 {
	done := make(chan int64, 1)
	go func() {
		var most int64
		for seen := false; ; time.Sleep(10 * time.Millisecond) {
			status, ok := controllerBelow(r.cmd.Process.Pid)
			if !ok && seen {
				break
			}
			seen = seen || ok
			most = max(most, highWater(status))
			if _, err := os.Stat(fmt.Sprintf("/proc/%d", r.cmd.Process.Pid)); err != nil {
				break
			}
		}
		done <- most
	}()
	return done
}

// controllerBelow is the status of nsenter's child, once it is the controller.
func controllerBelow(nsenter int) (status []byte, ok bool) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", nsenter))
	for _, child := range strings.Fields(string(children)) {
		status, err := os.ReadFile(filepath.Join("/proc", child, "status"))
		if err == nil && bytes.HasPrefix(status, []byte("Name:\tunidesk-control")) {
			return status, true
		}
	}
	return nil, false
}

// highWater is VmHWM of a /proc/PID/status, in bytes.
func highWater(status []byte) int64 {
	for line := range strings.Lines(string(status)) {
		if field := strings.Fields(line); len(field) == 3 && field[0] == "VmHWM:" {
			kb, _ := strconv.ParseInt(field[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}
