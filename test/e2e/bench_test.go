//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/corpus"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
	"github.com/pikasTech/unidesk-artifact-cd/lab/line"
	"github.com/pikasTech/unidesk-artifact-cd/test/figures"
)

// links are those that figures names.
func links() map[string]line.Link {
	return map[string]line.Link{
		figures.Usual: {Mbit: 100, RTT: 50 * time.Millisecond},
		figures.Fast:  {Mbit: 1000, RTT: 100 * time.Millisecond},
		figures.Slow:  {Mbit: 20, RTT: 100 * time.Millisecond},
	}
}

// part is a scenario over a link, and how its images are brought.
type part struct {
	scenario, link string
	ways           []figures.Way
}

func parts() []part {
	both := []figures.Way{figures.Ours, figures.Pull}
	all := slices.Concat(both, []figures.Way{figures.Skopeo, figures.SaveZstd, figures.Save})
	return []part{
		{"S0", figures.Usual, []figures.Way{figures.Prefetch, figures.Pull}},
		{"S1", figures.Usual, all},
		{"S2", figures.Usual, both},
		{"S3", figures.Usual, all},
		{"S4", figures.Usual, both},
		{"S5", figures.Usual, all},
		{"S7", figures.Usual, both},
		{"S8", figures.Usual, both},
		{"S9", figures.Usual, both},
		{"S6", figures.Fast, both},
		{"S1", figures.Slow, both},
	}
}

// bench is a run of the benchmark.
type bench struct {
	report figures.Report
	corpus *corpus.Corpus
	tap    *registryTap
}

// TestBenchTransfers is `make bench`. It writes docs/benchmarks.md if no part was left out.
func TestBenchTransfers(t *testing.T) {
	if *benchRuns == 0 {
		t.Skip("make bench runs this")
	}
	how := lab.Gzip
	if *benchStore == "none" {
		how = lab.None
	}
	began := time.Now()
	b := &bench{corpus: corpus.New(hosts.DefaultCache(), how), tap: startTap(t)}
	b.report.Runs, b.report.Machine = *benchRuns, machine(t)
	for _, host := range []*hosts.Host{two.Master, two.D601} {
		must(t, line.Tune(end(host).Namespace))
	}
	for _, s := range corpus.Scenarios() {
		for _, p := range parts() {
			if p.scenario == s.ID && chosen(s.ID) {
				b.measure(t, s, p)
			}
		}
	}
	if chosen("memory") {
		b.memory(t)
	}
	b.report.Took = time.Since(began)
	b.publish(t)
}

// publish writes the report, into the repository if it is whole.
func (b *bench) publish(t *testing.T) {
	t.Helper()
	dir := filepath.Join(repo, "docs")
	if *benchOnly != "" {
		dir = filepath.Join(repo, "dist")
	}
	must(t, os.MkdirAll(dir, 0o755))
	text := b.report.Markdown("benchmarks.svg")
	must(t, os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(text), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "benchmarks.svg"), []byte(b.report.Chart()), 0o644))
	t.Log(text)
	for _, j := range b.report.Judge() {
		switch {
		case j.Verdict == figures.Met:
		case j.Verdict == figures.NotMeasured && *benchOnly != "":
		case *benchGoals:
			t.Errorf("%s: %s: %s, %s", j.Scenario, j.Goal, j.Measured, j.Verdict)
		default:
			t.Logf("%s: %s: %s, %s", j.Scenario, j.Goal, j.Measured, j.Verdict)
		}
	}
}

// measure takes the ways of a part in turn; each is first in its turn.
func (b *bench) measure(t *testing.T, s corpus.Scenario, p part) {
	t.Helper()
	b.check(t, p.link)
	c := figures.Case{Scenario: s.ID, Title: s.Title, Link: p.link, Runs: map[figures.Way][]figures.Sample{}}
	var installed lab.Summary
	if s.Installed != nil {
		installed = b.push(t, s.Installed)
	}
	releases := []lab.Summary{installed}
	if s.Releases != nil {
		releases = nil
		agent := followAgent(t)
		for _, image := range s.Releases {
			releases = append(releases, b.push(t, image))
		}
		b.copied(t, append([]corpus.Image{s.Installed}, s.Releases...)...)
		c.Index = agent.idle(t)
		c.Load = loaded(t, installed, releases)
	}
	for i := range *benchRuns {
		for j := range p.ways {
			way := p.ways[(i+j)%len(p.ways)]
			forget(t, noted)
			if sample, ok := b.run(t, way, p, installed, releases); ok {
				c.Runs[way] = append(c.Runs[way], sample)
				t.Logf("%s over %s, run %d of %d, %s: %s, payload %s, ssh %s", s.ID, p.link, i+1, *benchRuns, way,
					seconds(sample.Took), mb(sample.Payload), mb(sample.Wire))
			}
		}
	}
	b.report.Cases = append(b.report.Cases, c)
}

// copied waits until the agent has a copy of each layer of the images, but of those that are
// too large for a copy.
func (b *bench) copied(t *testing.T, images ...corpus.Image) {
	t.Helper()
	const most = 4 << 30 // docs/configuration.md
	for _, image := range images {
		layers, err := b.corpus.Layers(t.Context(), image)
		must(t, err)
		for _, l := range layers {
			id, err := l.DiffID()
			must(t, err)
			size, err := l.Size()
			must(t, err)
			for end := time.Now().Add(5 * time.Minute); size < most; time.Sleep(200 * time.Millisecond) {
				if _, err := two.D601.Output(t.Context(), "test", "-f", "/var/lib/unidesk-agent/deltas/1/"+id.Hex); err == nil {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the agent has no copy of layer %s after five minutes: journalctl -u unidesk-agent", id)
				}
			}
		}
	}
}

// run brings what is installed without delay and the releases over the line, and adds the releases up.
func (b *bench) run(t *testing.T, way figures.Way, p part, installed lab.Summary, releases []lab.Summary) (all figures.Sample, ok bool) {
	t.Helper()
	if installed.SourceCommit != "" {
		b.install(t, way, installed)
	}
	for _, r := range releases {
		if way == figures.Save || way == figures.SaveZstd {
			_, err := two.D601.Output(t.Context(), "docker", "pull", "--quiet", r.ImageRef)
			must(t, err)
		}
		s, ok := b.over(t, p, way, r)
		if !ok {
			return all, false
		}
		all.Took, all.Payload, all.Wire = all.Took+s.Took, all.Payload+s.Payload, all.Wire+s.Wire
		all.Here, all.There, all.Engine = all.Here+s.Here, all.There+s.There, all.Engine+s.Engine
		all.PeakHere, all.PeakThere, all.Rate = max(all.PeakHere, s.PeakHere), max(all.PeakThere, s.PeakThere), s.Rate
	}
	return all, true
}

// push publishes an image with the layers above those of a small service.
func (b *bench) push(t *testing.T, image corpus.Image) lab.Summary {
	t.Helper()
	layers, err := b.corpus.Layers(t.Context(), image)
	must(t, err)
	s, err := two.ci.PushOver(t.Context(), small(t), aCommit(t), layers...)
	must(t, err)
	return s
}

// check measures a link before it is used for the first time.
func (b *bench) check(t *testing.T, name string) {
	t.Helper()
	if slices.ContainsFunc(b.report.Links, func(l figures.Link) bool { return l.Name == name }) {
		return
	}
	l := delay(t, name)
	f, err := l.Measure(t.Context())
	must(t, err)
	must(t, l.Close())
	t.Logf("%s: round trip %s, plain TCP %.1f Mbit/s", name, f.RTT, f.Goodput*8/1e6)
	if err := f.Fits(l.Link); err != nil {
		t.Errorf("times over %s are worth nothing: %v", name, err)
	}
	b.report.Links = append(b.report.Links, figures.Link{Name: name, RTT: f.RTT, Goodput: f.Goodput})
}

// delay puts a line between the two hosts. A test that ends takes it away.
func delay(t *testing.T, name string) *line.Line {
	t.Helper()
	l, err := line.Open(t.Context(), links()[name], end(two.D601), end(two.Master))
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func end(h *hosts.Host) line.End {
	return line.End{Namespace: fmt.Sprintf("/proc/%d/ns/net", h.PID()), Addr: h.Addr}
}

// memory brings layers of 100 MB and 5 GB without a delay line. The large layer lies on the disk seven times, as the producer's file, in
// the registry, spool and cache, and in the engine; a machine without the room for it measures a layer of 1 GB, which misses the goal.
func (b *bench) memory(t *testing.T) {
	t.Helper()
	large := int64(5e9)
	var disk unix.Statfs_t
	must(t, unix.Statfs(hosts.DefaultCache(), &disk))
	if free := int64(disk.Bavail) * disk.Bsize; free < 8*large {
		t.Logf("%s are free on the disk, a layer of %s needs %s", mb(free), mb(large), mb(8*large))
		large = 1e9
	}
	for _, size := range []int64{100e6, 100e6, large} {
		p := bring(t, size)
		b.report.Memory = append(b.report.Memory, figures.Memory{Layer: p.layer, Controller: p.controller, Agent: p.agent})
		t.Logf("memory for a layer of %s: controller %s, agent %s", mb(size), mb(p.controller), mb(p.agent))
	}
	// What the collector leaves varies from run to run: the larger of the small layer's peaks counts.
	m := b.report.Memory
	m[1].Controller, m[1].Agent = max(m[0].Controller, m[1].Controller), max(m[0].Agent, m[1].Agent)
	b.report.Memory = m[1:]
	forget(t, noted)
}

// machine are lines about what was measured on.
func machine(t *testing.T) []string {
	t.Helper()
	said := func(argv ...string) string {
		out, err := two.Master.Output(t.Context(), argv...)
		must(t, err)
		return strings.TrimSpace(out)
	}
	model, _, _ := strings.Cut(said("sh", "-c", "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"), "\n")
	return []string{
		fmt.Sprintf("machine: %d processors, %s, Linux %s, %s; load %s at the start", runtime.NumCPU(), model, said("uname", "-r"), runtime.Version(), load()),
		"both hosts: Docker Engine " + said("docker", "version", "--format", "{{.Server.Version}}") + ", " + said("sh", "-c", "ssh -V 2>&1") + ", TCP " +
			said("cat", "/proc/sys/net/ipv4/tcp_congestion_control") + " with windows of up to 64 MiB",
		"layers are stored as " + *benchStore + "; the engine's and the registry's files may be in memory",
	}
}

// agentIdle waits for what the agent does after CI has published.
type agentIdle struct {
	*follower
	pid int
}

func followAgent(t *testing.T) agentIdle {
	t.Helper()
	ask(t, "/etc/unidesk", "status") // the first caller starts the agent
	pid := agentPID(t)
	return agentIdle{follow(pid), pid}
}

// idle returns what the agent has used once it has used nothing for three seconds.
func (a agentIdle) idle(t *testing.T) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	last, quiet := ticksOf(a.pid), 0
	for quiet < 30 && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		quiet++
		if now := ticksOf(a.pid); now != last {
			last, quiet = now, 0
		}
	}
	a.end()
	return a.used(a.pid)
}

// ticksOf is what a process has used of the processor.
func ticksOf(pid int) time.Duration {
	f := &follower{processes: map[string]*process{}}
	f.note(pid, pid, false)
	return f.used(pid)
}

func agentPID(t *testing.T) int {
	t.Helper()
	inside := show(t, agentUnit, "MainPID")["MainPID"]
	for _, pid := range below(two.D601.PID()) {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for l := range strings.Lines(string(status)) {
			if f := strings.Fields(l); len(f) > 1 && f[0] == "NSpid:" && f[len(f)-1] == inside && len(f) == 3 {
				return pid
			}
		}
	}
	t.Fatalf("the agent's process %s is not below D601's systemd", inside)
	return 0
}
