//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// linkRate is in Mbit/s.
const linkRate = 100

// large publishes an image of 575 MB, 206 MB compressed, and then the same with a small
// edit in its top layer (78 MB, 32 MB compressed).
func large(t *testing.T) (first, edited lab.Summary) {
	t.Helper()
	below := layered(t, lab.Gzip, lab.Layer{Size: 300e6, Noise: 34}, lab.Layer{Size: 190e6, Noise: 34})
	two.seed++
	top := lab.Layer{Name: "top", Size: 78e6, Noise: 41, Seed: two.seed}
	first = topped(t, below, top)
	top.Edit = "one small edit"
	return first, topped(t, below, top)
}

// sample is a measured way of bringing an image.
type sample struct {
	took    time.Duration
	payload int64 // of ssh, or 0 if not counted
	crossed hosts.Counters
}

// deployed brings an image live, and times from the warm tunnel (the preflight has
// asked the agent) to the verified image.
func deployed(t *testing.T, s lab.Summary) sample {
	t.Helper()
	before, err := two.Counters()
	must(t, err)
	a := deployNow(t, s.ServiceID, s.SourceCommit)
	after, err := two.Counters()
	must(t, err)
	a.want(t, contract.DecidedSucceeded, "", 0)
	receipt := a.result.Receipt
	b := receipt.Bytes
	return sample{reached(t, receipt, workload.PointStaged).Sub(reached(t, receipt, workload.PointPreflight)), b.Received + b.Sent, after.Sub(before)}
}

func reached(t *testing.T, r *ledger.Receipt, point workload.Point) time.Time {
	t.Helper()
	i := slices.IndexFunc(r.Steps, func(s ledger.Step) bool { return s.Point == point })
	if i < 0 {
		t.Fatalf("the receipt has no step %s: %+v", point, r.Steps)
	}
	return r.Steps[i].At
}

// pulled is what an operator would do without the product: docker pull, through an
// ssh -L that is up already.
func pulled(t *testing.T, s lab.Summary) sample {
	t.Helper()
	before, err := two.Counters()
	must(t, err)
	began := time.Now()
	_, err = docker(t, "pull", "--quiet", s.ImageRef)
	took := time.Since(began)
	must(t, err)
	after, err := two.Counters()
	must(t, err)
	return sample{took: took, crossed: after.Sub(before)}
}

// forward is the tunnel of the other way.
func forward(t *testing.T) {
	t.Helper()
	ssh := two.Master.Exec(t.Context(), "ssh", "-N", "-L", registryAddr+":"+registryAddr, "D601")
	must(t, ssh.Start())
	t.Cleanup(func() { _ = ssh.Wait() }) // the test's context ends it first
	forwarded(t)
}

// forwarded waits until the master reaches the registry through a tunnel.
func forwarded(t *testing.T) {
	t.Helper()
	eventually(t, 20*time.Second, "the tunnel is up", func() error {
		_, err := two.Master.Output(t.Context(), "curl", "--fail", "--silent", "http://"+registryAddr+"/v2/")
		return err
	})
}

// pairs are the measured runs of both ways, for both images.
type pairs struct{ ours, oursEdited, theirs, theirsEdited []sample }

// measure takes both ways in turn, each first every other time.
func measure(t *testing.T, runs int, first, edited lab.Summary) (f pairs) {
	t.Helper()
	deploy := func() {
		forget(t, noted)
		f.ours = append(f.ours, deployed(t, first))
		f.oursEdited = append(f.oursEdited, deployed(t, edited))
	}
	pull := func() {
		forget(t, noted)
		f.theirs = append(f.theirs, pulled(t, first))
		f.theirsEdited = append(f.theirsEdited, pulled(t, edited))
	}
	for i := range runs {
		turns := []func(){deploy, pull}
		if i%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			turn()
		}
		t.Logf("run %d of %d: first %s and %s, edited %s and %s", i+1, runs,
			seconds(f.ours[i].took), seconds(f.theirs[i].took), seconds(f.oursEdited[i].took), seconds(f.theirsEdited[i].took))
	}
	return f
}

// A single run, beside whatever else the machine does: bytes do not depend on that.
// TestBenchTransfers measures times.
func TestTransferFigures(t *testing.T) {
	const runs = 1
	first, edited := large(t)
	all, _ := sizeOf(t, first)
	_, top := sizeOf(t, edited)
	shape(t, linkRate)
	forward(t)
	f := measure(t, runs, first, edited)

	var table strings.Builder
	fmt.Fprintf(&table, "over %d Mbit/s, the median of %d; docker pull goes through ssh -L; load %s\n", linkRate, runs, load())
	fmt.Fprintf(&table, "%-16s %12s %12s %9s %12s %9s %9s %9s %6s\n",
		"image", "layers", "payload", "x layers", "interface", "deploy", "pull", "min/max", "ratio")
	worst := 0.0
	for _, row := range []struct {
		name         string
		layers       int64
		ours, theirs []sample
	}{{"after the edit", top, f.oursEdited, f.theirsEdited}, {"the first", all, f.ours, f.theirs}} {
		ours, theirs := median(row.ours), median(row.theirs)
		ratio := ours.took.Seconds() / theirs.took.Seconds()
		worst = max(worst, ratio)
		payload := slices.MaxFunc(row.ours, func(a, b sample) int { return int(a.payload - b.payload) }).payload
		if payload > allowed(row.layers) {
			t.Errorf("%s: %d bytes crossed for layers of %d, at most %d may", row.name, payload, row.layers, allowed(row.layers))
		}
		fmt.Fprintf(&table, "%-16s %12d %12d %9.5f %12d %9s %9s %9s %6.3f\n", row.name, row.layers, payload,
			float64(payload)/float64(row.layers), ours.crossed.FromD601+ours.crossed.ToD601,
			seconds(ours.took), seconds(theirs.took), spread(row.ours), ratio)
		fmt.Fprintf(&table, "  pull's interface %d\n", theirs.crossed.FromD601+theirs.crossed.ToD601)
	}
	fmt.Fprintf(&table, "worst ratio %.3f\n", worst)
	fmt.Print(table.String())
}
