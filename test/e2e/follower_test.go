//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// follower watches the processes below some, by PID of this machine: what each used of the processor, and the most that
// it had in memory. What a process does in its last moment may be missed.
type follower struct {
	processes map[string]*process
	stop      chan struct{}
	done      chan struct{}
}

// process is a process that was seen; root is the process that it is below.
type process struct {
	root        int
	name        string
	first, last time.Duration // of the processor, since it began
	peak        int64         // VmHWM, in bytes
}

// follow begins; processes that run already count from here on.
func follow(roots ...int) *follower {
	f := &follower{processes: map[string]*process{}, stop: make(chan struct{}), done: make(chan struct{})}
	f.look(roots, true)
	go func() {
		defer close(f.done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			f.look(roots, false)
			select {
			case <-tick.C:
			case <-f.stop:
				f.look(roots, false)
				return
			}
		}
	}()
	return f
}

// end returns once nothing is watched any more.
func (f *follower) end() {
	close(f.stop)
	<-f.done
}

func (f *follower) look(roots []int, before bool) {
	for _, root := range roots {
		for _, pid := range below(root) {
			f.note(root, pid, before)
		}
	}
}

func (f *follower) note(root, pid int, before bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	end := bytes.LastIndexByte(stat, ')')
	if err != nil || end < 0 {
		return
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 {
		return
	}
	used := ticks(fields[11]) + ticks(fields[12])
	key := strconv.Itoa(pid) + " " + fields[19]
	p := f.processes[key]
	if p == nil {
		p = &process{root: root}
		f.processes[key] = p
		if before {
			p.first = used
		}
	}
	// A process has another name once it executes its program.
	p.name, p.last = string(stat[bytes.IndexByte(stat, '(')+1:end]), used
	if strings.HasPrefix(p.name, "unidesk-") {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		p.peak = max(p.peak, highWater(status))
	}
}

// ticks is a time of proc(5)'s stat: the kernel counts hundredths of a second for it.
func ticks(field string) time.Duration {
	n, _ := strconv.ParseInt(field, 10, 64)
	return time.Duration(n) * 10 * time.Millisecond
}

// used returns what processes below a root used whose name begins with any of names;
// without names, any process.
func (f *follower) used(root int, names ...string) (d time.Duration) {
	for _, p := range f.processes {
		if p.root == root && p.named(names) {
			d += p.last - p.first
		}
	}
	return d
}

// peak is the most that a process of a name had in memory.
func (f *follower) peak(name string) (bytes int64) {
	for _, p := range f.processes {
		if p.named([]string{name}) {
			bytes = max(bytes, p.peak)
		}
	}
	return bytes
}

func (p *process) named(names []string) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(p.name, n) })
}

// below lists a process and all its descendants, without those in the lab's hosts if it is not in a host itself.
func below(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all) && i < 4096; i++ {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", all[i]))
		for _, task := range tasks {
			children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", all[i], task.Name()))
			for _, child := range strings.Fields(string(children)) {
				n, err := strconv.Atoi(child)
				name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", n))
				if err == nil && string(name) != "systemd-nspawn\n" {
					all = append(all, n)
				}
			}
		}
	}
	return all
}
