//go:build integration

package compose_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// refused makes a change to version n that must be refused for this reason, with
// nothing touched.
func (w *world) refused(t *testing.T, n int, says string) {
	t.Helper()
	before := w.observe()
	err := w.target().Switch(t.Context(), w.plan(n, "refused"), ignore)
	if fault.ReasonOf(err) != fault.WorkloadUnfit || !strings.Contains(err.Error(), says) {
		t.Errorf("want %q: %v", says, err)
	}
	if after := w.observe(); after.Basis != before.Basis || after.Pending != nil {
		t.Errorf("it was touched: %s %+v", after.Basis, after.Pending)
	}
}

// up has Compose start a version by hand, as a person would.
func (w *world) up(n int) workload.Observation {
	w.t.Helper()
	w.plan(n, "only staged")
	w.docker("tag", w.spec.Compose.Image+":"+w.images[n].Commit.String(), w.spec.Compose.Image)
	w.docker("compose", "--project-directory", w.root, "-p", w.project, "--env-file", w.config.EnvFile,
		"-f", filepath.Join(w.root, "docker-compose.yml"), "up", "-d", "--no-deps", "--force-recreate", "sample")
	return w.observe()
}

func TestAVersionWhoseProgramIsUnderAMountIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "in a folder", "in a folder", "VOLUME in a folder")
	w.deploy(0, "a")
	w.refused(t, 2, "VOLUME of the image on /app lies over /app/service")
	plain := w.composeFile("")
	for mount, says := range map[string]string{
		"code:/app":      "volume code on /app lies over /app/service",
		"/app":           "volume on /app lies over /app/service",
		"./code:/app:ro": "bind " + w.root + "/code on /app lies over /app/service",
	} {
		w.write("docker-compose.yml", strings.Replace(plain, "volumes: [/data]", "volumes: [/data, \""+mount+"\"]", 1)+"volumes: {code: {}}\n")
		w.refused(t, 1, says)
	}
	w.write("docker-compose.yml", strings.Replace(plain, "volumes: [/data]", "volumes: [/data, /app/data]\n    tmpfs: [/run]", 1))
	if err := w.target().Switch(t.Context(), w.plan(1, "data"), ignore); err != nil {
		t.Error(err)
	}
	w.settle("data", workload.Keep)
}

// Compose hands the anonymous volume of VOLUME on to the next container, with the files
// of the version before in it.
func TestTheOldProgramUnderAMountIsNotTheNewVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "VOLUME in a folder", "VOLUME in a folder", "in a folder")
	w.up(0)
	seen := w.up(1)
	want := proof.Wanted{Spec: w.spec, Image: w.images[1].Pinned, Composed: true}
	v := proof.Judge(want, seen)
	if v.Status != proof.Wrong || !strings.Contains(findings(v, "program"), "lies over /app/service") {
		t.Errorf("%s: %+v", v.Status, v.Findings)
	}
	if got := findings(proof.Judge(want, w.up(2)), "program"); got != "" {
		t.Errorf("the image's own program: %s", got)
	}
}

// findings returns what a verdict says against a check.
func findings(v proof.Verdict, check string) (got string) {
	for _, f := range v.Failed() {
		if f.Check == check {
			got += f.Got
		}
	}
	return got
}

