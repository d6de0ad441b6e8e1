//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/line"
	"github.com/pikasTech/unidesk-artifact-cd/test/figures"
)

// install brings an image without delay: the product by itself, so that it remembers; other ways by docker pull, which leaves the
// engine what a pull needs to know.
func (b *bench) install(t *testing.T, way figures.Way, s lab.Summary) {
	t.Helper()
	if way == figures.Ours || way == figures.Prefetch {
		deployNow(t, s.ServiceID, s.SourceCommit).want(t, contract.DecidedSucceeded, "", 0)
		return
	}
	stop := tunnelled(t)
	defer stop()
	_, err := docker(t, "pull", "--quiet", s.ImageRef)
	must(t, err)
}

// over brings an image over a line. It is false if this product has no such way.
func (b *bench) over(t *testing.T, p part, way figures.Way, s lab.Summary) (figures.Sample, bool) {
	t.Helper()
	ask(t, "/etc/unidesk", "status") // the agent runs
	agent := agentPID(t)
	must(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", agent), []byte("5"), 0)) // its peak begins anew
	l := delay(t, p.link)
	defer func() { must(t, l.Close()) }()
	if way == figures.Pull || way == figures.Skopeo {
		stop := tunnelled(t)
		defer stop()
	}
	m := &measuring{
		bench: b, line: l, began: time.Now(), before: l.Counters(), tapped: b.tap.bytes.Load(),
		hosts: follow(two.Master.PID(), two.D601.PID()), cutAt: -1,
	}
	if p.scenario == "S8" {
		all, _ := sizeOf(t, s)
		m.cutAt = all / 2
	}
	var sample figures.Sample
	switch way {
	case figures.Ours:
		sample = m.deploy(t, s)
	case figures.Prefetch:
		var ok bool
		if sample, ok = m.prefetch(t, s); !ok {
			m.hosts.end()
			return sample, false
		}
	case figures.Pull:
		sample = m.command(t, "docker", "pull", "--quiet", s.ImageRef)
	case figures.Skopeo:
		sample = m.command(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+s.ImageRef, "docker-daemon:"+s.ImageRef)
	case figures.Save, figures.SaveZstd:
		sample = m.save(t, s, way == figures.SaveZstd)
	}
	m.hosts.end()
	if _, err := docker(t, "image", "inspect", configOf(t, s.ServiceID, s.SourceCommit)); err != nil {
		t.Fatalf("%s brought another image: %v", way, err)
	}
	sample.There = m.hosts.used(two.D601.PID(), "sshd", "unidesk-", "sudo", "docker", "zstd")
	sample.Engine = m.hosts.used(two.Master.PID(), "dockerd", "docker-", "containerd", "exe", "unpigz")
	crossed := l.Counters().Sub(m.before)
	sample.Wire = crossed.Payload()
	_, course := l.Since(m.began)
	sample.Rate = course.Rate()
	if way == figures.Ours || way == figures.Prefetch {
		sample.PeakThere = m.hosts.peakOf(agent)
	}
	return sample, true
}

// measuring is a way that is under way.
type measuring struct {
	*bench
	line   *line.Line
	began  time.Time
	before line.Counters
	tapped int64
	hosts  *follower
	cutAt  int64 // cut the connection once so many bytes have crossed; -1 for never
}

// deploy brings an image live. A deploy that the cut ends is begun again, as its answer asks.
func (m *measuring) deploy(t *testing.T, s lab.Summary) (sample figures.Sample) {
	t.Helper()
	defer m.cutting(t)()
	const attempts = 5
	for range attempts {
		r := begin(t, deployCommand(t, s.ServiceID, s.SourceCommit))
		here := follow(r.cmd.Process.Pid)
		a := r.end(t)
		here.end()
		sample.Here += here.used(r.cmd.Process.Pid, "unidesk-", "ssh")
		sample.PeakHere = max(sample.PeakHere, here.peak("unidesk-control"))
		if bytes := a.result.Bytes; bytes != nil {
			sample.Payload += bytes.Received + bytes.Sent
		}
		if a.exit == 0 || m.cutAt < 0 {
			a.want(t, contract.DecidedSucceeded, "", 0)
			receipt := a.result.Receipt
			sample.Took = reached(t, receipt, workload.PointStaged).Sub(reached(t, receipt, workload.PointPreflight))
			if m.cutAt >= 0 {
				sample.Took = reached(t, receipt, workload.PointStaged).Sub(m.began)
			}
			return sample
		}
	}
	t.Fatalf("%s is not live after %d deploys", s.ImageRef, attempts)
	return sample
}

// prefetch brings what is there already; it is false if the controller has no such command.
func (m *measuring) prefetch(t *testing.T, s lab.Summary) (sample figures.Sample, ok bool) {
	t.Helper()
	if help, _ := two.Master.Output(t.Context(), "unidesk-controller", "artifact-registry", "--help"); !strings.Contains(help, "prefetch") {
		return sample, false
	}
	r := begin(t, command(t, "artifact-registry", "prefetch", "--service", s.ServiceID, "--commit", s.SourceCommit))
	here := follow(r.cmd.Process.Pid)
	a := r.end(t)
	here.end()
	if a.exit != 0 || a.result.Bytes == nil {
		t.Fatalf("prefetch: exit %d: %s\n%s", a.exit, a.stdout, a.stderr)
	}
	sample = figures.Sample{
		Payload: a.result.Bytes.Received + a.result.Bytes.Sent, Took: time.Duration(a.result.Seconds * float64(time.Second)),
		Here: here.used(r.cmd.Process.Pid, "unidesk-", "ssh"), PeakHere: here.peak("unidesk-control"),
	}
	return sample, true
}

// command brings an image with a program of the master's, through the tunnel.
func (m *measuring) command(t *testing.T, argv ...string) (sample figures.Sample) {
	t.Helper()
	defer m.cutting(t)()
	ssh := follow(os.Getpid())
	began := time.Now()
	const attempts = 5
	for i := 1; ; i++ {
		_, err := two.Master.Output(t.Context(), argv...)
		if err == nil {
			break
		}
		if m.cutAt < 0 || i == attempts {
			t.Fatal(err)
		}
		// ssh -L does not come back by itself: the operator sees that the pull has given up, and begins both again.
		stop := tunnelled(t)
		defer stop()
	}
	sample.Took = time.Since(began)
	ssh.end()
	sample.Here = ssh.used(os.Getpid(), "ssh", "docker", "skopeo")
	sample.Payload = m.tap.bytes.Load() - m.tapped
	return sample
}

// save streams the image of D601's engine into the master's.
func (m *measuring) save(t *testing.T, s lab.Summary, packed bool) (sample figures.Sample) {
	t.Helper()
	from, to := "sudo docker save "+s.ImageRef, []string{"docker", "load", "--quiet"}
	if packed {
		from, to = "sudo docker save "+s.ImageRef+" | zstd -3 -T0 -c", []string{"sh", "-c", "zstd -d -c | docker load --quiet"}
	}
	var bytes atomic.Int64
	here := follow(os.Getpid())
	began := time.Now()
	there := two.Master.Exec(t.Context(), "ssh", "D601-admin", from)
	out, err := there.StdoutPipe()
	must(t, err)
	load := two.Master.Exec(t.Context(), to...)
	in, err := load.StdinPipe()
	must(t, err)
	must(t, there.Start())
	must(t, load.Start())
	_, err = io.CopyBuffer(struct{ io.Writer }{in}, counting{out, &bytes}, make([]byte, 1<<20))
	must(t, err)
	must(t, in.Close())
	must(t, there.Wait())
	must(t, load.Wait())
	sample.Took, sample.Payload = time.Since(began), bytes.Load()
	here.end()
	sample.Here = here.used(os.Getpid(), "ssh", "docker", "zstd")
	return sample
}

// cutting ends the connections of ssh once, when half of the image has crossed.
func (m *measuring) cutting(t *testing.T) (stop func()) {
	if m.cutAt < 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	killed := 0
	go func() {
		defer close(done)
		for m.line.Counters().Sub(m.before).Payload() < m.cutAt {
			select {
			case <-ctx.Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		killed = cutSessions()
	}()
	return func() {
		cancel()
		<-done
		if killed == 0 {
			t.Error("the connection was not cut")
		}
	}
}

// cutSessions kills D601's ends of the connections of ssh, and not the daemon that takes new ones. It returns how many processes
// it killed.
func cutSessions() (killed int) {
	for _, pid := range below(two.D601.PID()) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.HasPrefix(string(line), "sshd: ") && !strings.Contains(string(line), "[listener]") {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
	}
	return killed
}

// tunnelled forwards the registry's port through ssh until it is stopped.
func tunnelled(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ssh := two.Master.Exec(ctx, "ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-L", registryAddr+":"+tapAddr, "D601")
	must(t, ssh.Start())
	stop = sync.OnceFunc(func() { cancel(); _ = ssh.Wait() }) // cut, or stopped
	t.Cleanup(stop)
	forwarded(t)
	return stop
}

// peakOf is the most that a process had in memory.
func (f *follower) peakOf(pid int) (bytes int64) {
	for key, p := range f.processes {
		if strings.HasPrefix(key, fmt.Sprintf("%d ", pid)) {
			bytes = max(bytes, p.peak)
		}
	}
	return bytes
}
