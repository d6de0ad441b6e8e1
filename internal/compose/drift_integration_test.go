//go:build integration

package compose_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// drift is how what runs differs from the files as they are now.
func (w *world) drift() workload.Drift {
	w.t.Helper()
	seen, err := w.target().Observe(w.t.Context(), w.spec.Ref, true)
	if err != nil {
		w.t.Fatal(err)
	}
	if seen.Drift == nil {
		w.t.Fatal("it was not compared")
	}
	return *seen.Drift
}

func TestWhatWasEditedSinceTheContainerWasMadeIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	plain := w.composeFile("    env_file: [more.env]\n    networks: [default, front]\n") +
		"networks:\n  default: {labels: {edition: one}}\n  front: {labels: {edition: one}}\nvolumes: {kept: {}}\n"
	plain = strings.Replace(plain, "volumes: [/data]", "volumes: [/data, \"kept:/kept\"]", 1)
	w.write("more.env", "MORE=1\n")
	w.write("docker-compose.yml", plain)
	same := func(when string) {
		t.Helper()
		if d := cmp.Diff(workload.Drift{}, w.drift()); d != "" {
			t.Errorf("%s: %s", when, d)
		}
	}
	w.deploy(0, "a")
	same("after a deploy")
	w.deploy(1, "b")
	same("after another, with other deploy keys in the env file")

	edited := strings.Replace(plain, "stop_grace_period: 3s", "stop_grace_period: 4s", 1)
	w.write("docker-compose.yml", edited)
	if d := w.drift(); !d.Changed || len(d.Networks)+len(d.Volumes) > 0 || d.Unknown != "" {
		t.Errorf("an edited service: %+v", d)
	}
	w.deploy(0, "c")
	same("after the deploy that brought the edit live")
	w.write("docker-compose.yml", plain)
	w.deploy(1, "d")

	env := w.read(".state/compose.env")
	w.write(".state/compose.env", strings.Replace(env, "SAMPLE_CLIENT_SECRET='", "SAMPLE_CLIENT_SECRET='x", 1))
	if d := w.drift(); !d.Changed {
		t.Errorf("another value in the env file: %+v", d)
	}
	w.write(".state/compose.env", env)
	same("with the value put back")
	w.write("more.env", "MORE=2\n")
	w.write("docker-compose.yml", plain+"# read again\n")
	if d := w.drift(); !d.Changed {
		t.Errorf("another value in an env file of the service's own: %+v", d)
	}
	w.write("more.env", "MORE=1\n")

	w.docker("tag", w.stagedImage(1), w.spec.Compose.Image+"-beside")
	w.docker("compose", "--project-directory", w.root, "-p", w.project, "--env-file", w.config.EnvFile, "up", "-d", "--no-deps", "beside")
	w.write("docker-compose.yml", strings.ReplaceAll(plain, "edition: one", "edition: two"))
	want := workload.Drift{Networks: []workload.Network{{Name: w.project + "_default", Users: []string{w.project + "-beside"}}, {Name: w.project + "_front"}}}
	if d := cmp.Diff(want, w.drift()); d != "" {
		t.Errorf("two networks, one with a neighbour on it: %s", d)
	}
	w.docker("rm", "-f", w.project+"-beside")
	want.Networks[0].Users = nil
	if d := cmp.Diff(want, w.drift()); d != "" {
		t.Errorf("the neighbour is gone: %s", d)
	}
	before := w.observe().Basis
	w.write("docker-compose.yml", strings.Replace(plain, "kept: {}", "kept: {labels: {a: b}}", 1))
	if d := cmp.Diff(workload.Drift{Volumes: []string{w.project + "_kept"}}, w.drift()); d != "" {
		t.Errorf("a volume: %s", d)
	}
	if w.observe().Basis != before {
		t.Error("the container was touched")
	}
	w.write("docker-compose.yml", plain)
	same("with all put back")
	w.docker("volume", "inspect", w.project+"_kept")
}

func TestAChangeThatIsUnderWayIsNotCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	if err := w.target().Switch(t.Context(), w.plan(0, "a"), ignore); err != nil {
		t.Fatal(err)
	}
	seen, err := w.target().Observe(t.Context(), w.spec.Ref, true)
	if err != nil || seen.Pending == nil || seen.Drift != nil {
		t.Errorf("%v, %+v", err, seen.Drift)
	}
	w.settle("a", workload.Keep)
}
