package k3s_test

import (
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// A volume over the program's folder keeps the code of the version before, or none.
func TestAVolumeOverThePodsProgramIsRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"emptyDir", "persistentVolumeClaim", "hostPath"} {
		w := newWorld(t)
		w.images[3].Command = []string{"/app/server"}
		w.must(w.target().Stage(t.Context(), w.spec.Ref, w.images[3].Pinned, w.emit))
		w.node.Mount("web", "emptyDir", "/app/data")
		w.node.Mount("worker", kind, "/app")
		w.node.Settle()
		w.fails(w.apply(w.change(3, "b")), fault.WorkloadUnfit, "worker mounts "+kind+" volume-0 on /app lies over /app/server")
		w.clean()
		checks := proof.Fit(w.spec, w.images[3], w.observe())
		if c, found := proof.Blocking(checks); !found || c.Name != "deployment unidesk-dev/worker mounts" || c.Fix == "" {
			t.Errorf("the plan: %+v", c)
		}
	}
}

func TestAProgramUnderAVolumeOfAPodIsNoProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.images[3].Command = []string{"/app/server"}
	w.must(w.target().Stage(t.Context(), w.spec.Ref, w.images[3].Pinned, w.emit))
	w.must(w.apply(w.change(3, "b")))
	w.must(w.settle("b", workload.Keep))
	judge := func() (program []proof.Finding) {
		for _, f := range proof.Judge(proof.Wanted{Spec: w.spec, Image: w.images[3].Pinned}, w.observe()).Findings {
			if f.Check == "web program" || f.Check == "worker program" {
				program = append(program, f)
			}
		}
		return program
	}
	for _, f := range judge() {
		if !f.OK {
			t.Errorf("nothing is mounted: %+v", f)
		}
	}
	w.node.Mount("web", "persistentVolumeClaim", "/app")
	w.node.Settle()
	got := judge()
	if len(got) != 2 || got[0].OK || got[0].Got != "in persistentVolumeClaim volume-0 on /app, which lies over /app/server" || !got[1].OK {
		t.Errorf("%+v", got)
	}
}
