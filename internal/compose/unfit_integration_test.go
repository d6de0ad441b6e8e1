//go:build integration

package compose_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
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

// findings returns a verdict's findings about a check.
func findings(v proof.Verdict, check string) (got string) {
	for _, f := range v.Failed() {
		if f.Check == check {
			got += f.Got
		}
	}
	return got
}

func TestAServiceWithoutANetworkOfItsOwnIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	w.deploy(0, "a")
	for _, mode := range []string{"host", "none", "service:beside", "container:" + w.project + "-beside"} {
		w.write("docker-compose.yml", w.composeFile("    network_mode: "+mode))
		w.refused(t, 1, "compose network_mode is "+mode)
	}
}

func TestTheContainerOfAnotherProjectIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.plan(0, "only staged")
	other := w.project + "x"
	w.docker("create", "--name", w.spec.Compose.ContainerName, "--label", "com.docker.compose.project="+other,
		"--label", "com.docker.compose.service=sample", "-v", other+"_data:/data", w.spec.Compose.Image+":"+w.images[0].Commit.String())
	t.Cleanup(func() {
		w.docker("rm", "-f", w.spec.Compose.ContainerName)
		w.docker("volume", "rm", other+"_data")
	})
	w.refused(t, 0, "belongs to the Compose project "+other)
	seen := w.observe()
	check, blocked := proof.Blocking(proof.Fit(w.spec, w.images[0], seen))
	if !blocked || check.Name != "container name" || !strings.Contains(check.Detail, other) || !strings.Contains(check.Fix, other+"_data") {
		t.Errorf("the plan: %+v", check)
	}
}

func TestATimeToStopThatNobodyWaitsForIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	plain := w.composeFile("")
	w.write("docker-compose.yml", strings.Replace(plain, "stop_grace_period: 3s", "stop_grace_period: 11m", 1))
	w.refused(t, 0, "compose service sample stop time is 11m0s")
	in := w.up(0)
	w.write("docker-compose.yml", plain)
	w.refused(t, 1, "container "+w.spec.Compose.ContainerName+" stop time is 11m0s")
	if in.Slack() != 11*time.Minute {
		t.Errorf("a switch would have %s", in.Slack())
	}
}

func TestAComposeFileThatIsReadByHandOnlyIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	fits := func(want string) {
		t.Helper()
		check := proof.FilesRead(w.observe().Compose())
		if check.Warning != (want != "") || !strings.Contains(check.Detail, want) {
			t.Errorf("want %q: %+v", want, check)
		}
	}
	fits("")
	w.write("docker-compose.override.yml", "services: {sample: {mem_limit: 1g}}\n")
	fits(filepath.Join(w.root, "docker-compose.override.yml"))
	w.config.Files = append(w.config.Files, "docker-compose.override.yml")
	fits("")
	w.write("other.yml", "services: {}\n")
	w.write(".env", "COMPOSE_FILE=docker-compose.yml:other.yml\n")
	fits(filepath.Join(w.root, "other.yml"))
	w.write(".env", "A=1\n")
	w.docker("create", "--name", w.project+"-x", "--label", "com.docker.compose.project="+w.project, "--label", "com.docker.compose.service=sample",
		"--label", "com.docker.compose.project.config_files="+filepath.Join(w.root, "docker-compose.yml")+","+filepath.Join(w.root, "other.yml"), w.stagedImage(0))
	fits(filepath.Join(w.root, "other.yml"))
}

// stagedImage returns the name of a version's image, which the engine has.
func (w *world) stagedImage(n int) string {
	w.t.Helper()
	w.plan(n, "only staged")
	return w.spec.Compose.Image + ":" + w.images[n].Commit.String()
}

// healthcheck is a check of Docker's own that runs a program of the image.
func healthcheck(program string) string {
	return "    healthcheck: {test: [CMD, " + program + "], interval: 1s, timeout: 1s, retries: 1}"
}

func TestDockersOwnHealthCheckIsObserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	if in := w.deploy(0, "a"); in.Healthcheck != "" {
		t.Errorf("no check has %q", in.Healthcheck)
	}
	w.write("docker-compose.yml", w.composeFile(healthcheck("/nothing")))
	c, image := w.plan(1, "b"), w.images[1]
	c.Stamps[workload.KeyRequestedCommit], c.Stamps[workload.KeyDigest] = image.Commit.String(), image.Manifest.String()
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	seen := w.observe()
	for seen.Current().Healthcheck == "starting" {
		time.Sleep(200 * time.Millisecond)
		seen = w.observe()
	}
	v := proof.Judge(proof.Wanted{Spec: w.spec, Image: image.Pinned, Stamps: c.Stamps, Labels: map[string]string{artifact.LabelRevision: image.Commit.String()}}, seen)
	if got := findings(v, "docker healthcheck"); got != "unhealthy" || v.Status != proof.Waiting {
		t.Errorf("%q: %+v", got, v.Findings)
	}
	w.settle("b", workload.Revert)
}

func TestTheDeployKeysOfTheLabelsAreObserved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	c := w.plan(0, "a")
	if err := w.target().Switch(t.Context(), c, ignore); err != nil {
		t.Fatal(err)
	}
	in := w.observe().Current()
	if d := cmp.Diff(c.Stamps, in.Labelled); d != "" {
		t.Errorf("labels: %s", d)
	}
	if d := cmp.Diff(c.Stamps, in.Stamped); d != "" {
		t.Errorf("environment: %s", d)
	}
	w.settle("a", workload.Keep)
}

func TestANeighbourInTheServicesNamespacesIsCutOffByARecreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	w.deploy(0, "a")
	name := w.spec.Compose.ContainerName
	for _, of := range []string{"network", "pid", "volumes-from"} {
		flags := []string{"run", "-d", "--name", w.project + "-" + of, "--label", "com.docker.compose.project=" + w.project, "--label", "com.docker.compose.service=" + of}
		if of == "volumes-from" {
			flags = append(flags, "--volumes-from", name)
		} else {
			flags = append(flags, "--"+of, "container:"+name)
		}
		w.docker(append(flags, w.stagedImage(1))...)
	}
	before, err := w.target().Neighbours(t.Context(), w.spec.Ref)
	if err != nil {
		t.Fatal(err)
	}
	cut, volumes := bystander.Sharing(before, w.spec.Ref)
	if want := []string{w.project + "-network shares its network", w.project + "-pid shares its pid"}; !slices.Equal(cut, want) || len(volumes) != 1 {
		t.Errorf("%q, %q", cut, volumes)
	}
	w.docker("rm", "-f", w.project+"-volumes-from")
	before = slices.DeleteFunc(before, func(n workload.Neighbour) bool { return n.Name == w.project+"-volumes-from" })
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	w.settle("b", workload.Keep)
	after, err := w.target().Neighbours(t.Context(), w.spec.Ref)
	if err != nil {
		t.Fatal(err)
	}
	var lost []string
	for _, d := range bystander.Disturbed(bystander.Snapshot{Containers: before}, bystander.Snapshot{Containers: after}, w.spec.Ref, nil) {
		if d.Project == w.project && d.Kind == bystander.CutOff {
			lost = append(lost, d.Name+" "+d.Repair)
		}
	}
	if len(lost) != 2 || !strings.Contains(lost[0], "--force-recreate network") {
		t.Errorf("%q", lost)
	}
}
