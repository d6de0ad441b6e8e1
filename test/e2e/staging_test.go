//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// TestBenchStaging is `make bench`: what the agent does to have an image staged in k3s's
// containerd, beside a bare pull of the same image, both by digest from D601's registry.
func TestBenchStaging(t *testing.T) {
	benched(t, "staging")
	const limit = 1.1
	k, err := kube.Up(t.Context(), two.D601, kube.Config{Log: os.Stderr})
	must(t, err)
	t.Cleanup(func() { must(t, k.Stop(context.WithoutCancel(t.Context()), kube.Units()...)) })
	image := layered(t, lab.Gzip, lab.Layer{Size: 300e6, Noise: 34}, lab.Layer{Size: 268e6, Noise: 34})
	p := place(t, k, suiteSpec(t), "")
	pinned, target := p.resolved(t, image).Pinned, p.dial(t).Workloads()

	stage := func() (s sample) {
		began := time.Now()
		must(t, target.Stage(t.Context(), p.spec.Ref, pinned, func(workload.Event) {}))
		s.took = time.Since(began)
		return s
	}
	pull := func() (s sample) {
		began := time.Now()
		must(t, k.Pull(t.Context(), image.DigestRef))
		s.took = time.Since(began)
		return s
	}
	var ours, theirs []sample
	for i := range *benchRuns + 1 {
		turns := []func(){
			func() { ours = append(ours, stage()) },
			func() { theirs = append(theirs, pull()) },
		}
		if i%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			absent(t, image)
			turn()
		}
		if i == 0 { // it brings the registry's files into memory, and asks for the account's rights
			ours, theirs = nil, nil
			continue
		}
		t.Logf("run %d of %d: %s and %s", i, *benchRuns, seconds(ours[i-1].took), seconds(theirs[i-1].took))
	}
	ratio := median(ours).took.Seconds() / median(theirs).took.Seconds()
	fmt.Printf("staging on D601's Kubernetes, the median of %d, layers %s; load %s\n%9s %9s %12s %12s %6s\n%9s %9s %12s %12s %6.3f (at most %.2f)\n",
		*benchRuns, mb(p.resolved(t, image).Bytes), load(), "stage", "pull", "min/max", "min/max", "ratio",
		seconds(median(ours).took), seconds(median(theirs).took), spread(ours), spread(theirs), ratio, limit)
	if ratio > limit {
		t.Errorf("staging takes %.3f times as long as crictl pull, at most %.2f", ratio, limit)
	}
}

// absent takes an image with all its names, layers and blobs out of k3s's containerd.
func absent(t *testing.T, s lab.Summary) {
	t.Helper()
	d601 := func(argv ...string) string {
		out, err := two.D601.Output(t.Context(), argv...)
		must(t, err)
		return out
	}
	image := imageOf(t, s.ServiceID, s.SourceCommit)
	manifest, err := image.Manifest()
	must(t, err)
	config, err := image.ConfigFile()
	must(t, err)
	if id := manifest.Config.Digest.String(); strings.Contains(d601("crictl", "images", "--quiet", "--no-trunc"), id) {
		d601("crictl", "rmi", id)
	}
	gone := []string{s.Digest}
	for _, l := range manifest.Layers {
		gone = append(gone, l.Digest.String())
	}
	// The snapshot of the lowest layer, which goes after all that lie on it.
	gone = append(gone, config.RootFS.DiffIDs[0].String())
	eventually(t, time.Minute, "containerd has nothing of the image", func() error {
		left := d601("ctr", "content", "ls", "--quiet") + d601("ctr", "snapshots", "ls")
		for _, digest := range gone {
			if strings.Contains(left, digest) {
				return fmt.Errorf("%s is there", digest)
			}
		}
		return nil
	})
	d601("sync")
}
