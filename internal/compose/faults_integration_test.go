//go:build integration

package compose_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestAnExportedVariableChangesNothing(t *testing.T) {
	t.Setenv("UNIDESK_SAMPLE_DEPLOY_COMMIT", "exported")
	t.Setenv("COMPOSE_FILE", "/nowhere.yml")
	t.Setenv("COMPOSE_PROJECT_NAME", "elsewhere")
	t.Setenv("COMPOSE_PROFILES", "other")
	newWorld(t, "").deploy(0, "a")
}

func TestAServiceThatCannotBeSwitchedIsRefusedBeforeAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	in := w.deploy(0, "a")
	c := w.plan(1, "b")
	files := []string{w.read(".state/compose.env"), w.read("docker-compose.yml")}
	for name, spoil := range map[string]func(*world){
		"always pulled":  func(w *world) { w.write("docker-compose.yml", w.composeFile("    pull_policy: always")) },
		"two of it":      func(w *world) { w.write("docker-compose.yml", w.composeFile("    scale: 2")) },
		"as many as you": func(w *world) { w.write("docker-compose.yml", w.composeFile("    deploy: {replicas: \"${N:-1}\"}")) },
		"another image": func(w *world) {
			w.write("docker-compose.yml", strings.Replace(w.composeFile(""), "image: "+w.spec.Compose.Image+"\n", "image: other\n", 1))
		},
		"another name": func(w *world) {
			w.write("docker-compose.yml", strings.Replace(w.composeFile(""), "container_name: "+w.spec.Compose.ContainerName, "container_name: other", 1))
		},
		"keys not named": func(w *world) {
			w.write("docker-compose.yml", strings.Replace(w.composeFile(""), "      - UNIDESK_SAMPLE_DEPLOY_SERVICE_ID\n", "", 1))
		},
		"files redirected":   func(w *world) { w.write(".state/compose.env", w.read(".state/compose.env")+"\nCOMPOSE_FILE=/x.yml") },
		"project redirected": func(w *world) { w.write(".state/compose.env", w.read(".state/compose.env")+"\nCOMPOSE_PROJECT_NAME=x") },
		"orphans removed": func(w *world) {
			w.write(".state/compose.env", w.read(".state/compose.env")+"\nCOMPOSE_REMOVE_ORPHANS=1")
		},
		"a container of another name": func(w *world) {
			w.docker("create", "--name", w.project+"-sample-1", "--label", "com.docker.compose.project="+w.project,
				"--label", "com.docker.compose.service=sample", w.spec.Compose.Image)
		},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // they spoil the same world in turn
			spoil(w)
			spoiled := w.read(".state/compose.env")
			err := w.target().Switch(t.Context(), c, ignore)
			if fault.ReasonOf(err) != fault.WorkloadUnfit || strings.Contains(err.Error(), secret) {
				t.Fatalf("%v", err)
			}
			if w.read(".state/compose.env") != spoiled {
				t.Error("the env file was changed")
			}
			w.write(".state/compose.env", files[0])
			w.write("docker-compose.yml", files[1])
			if name == "a container of another name" {
				w.docker("rm", w.project+"-sample-1")
			}
			if w.want(0).ID != in.ID {
				t.Error("it was recreated")
			}
		})
	}
}

func TestAServiceThatIsNotThereNamesThoseThatAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nobody := workload.Spec{Ref: workloadtest.Ref(w.project, "nobody")}
	w.config.Workloads = append(w.config.Workloads, nobody)
	_, err := w.target().Observe(t.Context(), nobody.Ref, false)
	if fault.ReasonOf(err) != fault.WorkloadNotFound || !strings.Contains(err.Error(), "beside, sample") {
		t.Error(err)
	}
}

func TestAnEnvFileThatComposeCannotReadIsNotQuoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(".state/compose.env", "A=1\nSAMPLE_CLIENT_SECRET=\""+secret+"\n")
	seen, err := w.target().Observe(t.Context(), w.spec.Ref, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := seen.Unread; fault.ReasonOf(err) != fault.EnvFileInvalid || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error()+fault.HintOf(err), "hunter2") {
		t.Error(err)
	}
}

func TestWhatComposeSaysIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	in := w.deploy(0, "a")
	w.write("docker-compose.yml", w.composeFile("    networks: [out]")+"networks: {out: {external: true, name: \"net-${SAMPLE_CLIENT_SECRET}\"}}\n")
	c := w.plan(1, "b")
	err := w.target().Switch(t.Context(), c, ignore)
	if fault.ReasonOf(err) != fault.ComposeFailed || !strings.Contains(err.Error(), "net-[redacted]") || strings.Contains(err.Error(), "hunter2") {
		t.Fatal(err)
	}
	w.write("docker-compose.yml", w.composeFile(""))
	w.settle("b", workload.Revert)
	if w.want(0).ID != in.ID {
		t.Error("it was recreated though it had never been touched")
	}
}

func TestAVersionThatCannotStartIsTakenBack(t *testing.T) {
	for _, mode := range []string{"exit", "no program"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "", mode)
			w.deploy(0, "a")
			c := w.plan(1, "b")
			err := w.target().Switch(t.Context(), c, ignore)
			if started := mode == "exit"; started != (err == nil) || !started && fault.ReasonOf(err) != fault.ComposeFailed {
				t.Fatal(err)
			}
			w.want1(1)
			w.until("the version ends by itself", func() bool {
				in := w.observe().Current()
				return in != nil && !in.Running && in.ExitCode != 0
			})
			w.settle("b", workload.Revert)
			w.want(0)
		})
	}
}

// Another process took the port of what ran, while the new version did without it.
func TestAFailedRevertSaysWhatToTypeAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().String()
	_ = l.Close()
	file := w.composeFile("    ports: [\"" + port + ":8080\"]")
	w.write("docker-compose.yml", file)
	old := w.deploy(0, "a")
	was := w.definition(old.ID)
	w.write("docker-compose.yml", w.composeFile(""))
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	if l, err = net.Listen("tcp4", port); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	err = w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, ignore)
	if fault.ReasonOf(err) != fault.RevertFailed || !strings.Contains(err.Error(), "address already in use") {
		t.Fatal(err)
	}
	if p := w.observe().Pending; p == nil || p.Failed == "" {
		t.Fatalf("%+v", p)
	}
	_ = l.Close()
	typed := 0
	for line := range strings.Lines(fault.HintOf(err)) {
		if args := strings.Fields(line); args[0] == "docker" {
			w.docker(args[1:]...)
			typed++
		}
	}
	if in := w.want1(0); typed != 1 || !in.Running {
		t.Errorf("typed %d lines of %s: %+v", typed, fault.HintOf(err), in)
	}
	w.settle("b", workload.Revert)
	w.wantAsItWas(was, file)
}

func TestGivingUpDuringARecreateLetsItEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "stubborn", "")
	w.deploy(0, "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := w.target().Switch(ctx, w.plan(1, "b"), func(e workload.Event) {
		if e.Point == workload.PointReplace {
			time.AfterFunc(time.Second, cancel)
		}
	})
	if err != nil || ctx.Err() == nil {
		t.Fatalf("%v, %v", err, ctx.Err())
	}
	w.settle("b", workload.Keep)
	w.want(1)
}

func TestGivingUpBeforeTheRecreateTouchesNoContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	in := w.deploy(0, "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := w.target().Switch(ctx, w.plan(1, "b"), func(e workload.Event) {
		if e.Point == workload.PointConfigure {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.settle("b", workload.Revert)
	if w.want(0).ID != in.ID {
		t.Error("it was recreated")
	}
}

func TestAStableNameThatMeantSomethingElseMeansItAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "", "")
	w.deploy(0, "a")
	w.plan(1, "only staged")
	built := w.spec.Compose.Image + ":" + w.images[1].Commit.String()
	w.docker("tag", built, w.spec.Compose.Image)
	if err := w.target().Switch(t.Context(), w.plan(2, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	w.settle("b", workload.Revert)
	if in := w.want1(0); !in.Running {
		t.Errorf("%+v", in)
	}
	if got, want := w.docker("image", "inspect", "-f", "{{.Id}}", w.spec.Compose.Image), shared.store.ID(w.images[1].Pinned); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// An image that a person built has no name but the stable name, which the new image
// takes. Not in parallel: in containerd's store a prune breaks the loads that go on
// meanwhile (moby/moby#53321).
func TestAnOldImageWithoutANameOfItsOwnSurvivesAPrune(t *testing.T) {
	w := newWorld(t, "", "")
	w.deploy(0, "a")
	w.docker("rmi", w.spec.Compose.Image+":"+w.images[0].Commit.String())
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	w.docker("image", "prune", "-f", "--filter", "label=project="+w.project)
	w.settle("b", workload.Revert)
	w.want(0)
}

func TestOnlyOurNamesAreTakenOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "", "", "")
	for n, id := range []string{"a", "b", "c", "d"} {
		w.deploy(n, id)
	}
	commits := make([]artifact.Commit, 4)
	for i, img := range w.images {
		commits[i] = img.Commit
	}
	// The user has a name for 1, and a container of his made of 2.
	w.docker("tag", w.spec.Compose.Image+":"+commits[1].String(), w.spec.Compose.Image+":mine")
	w.docker("create", "--name", w.project+"-mine", "--label", "com.docker.compose.project="+w.project, shared.store.ID(w.images[2].Pinned))
	if err := w.runtime().Retire(t.Context(), w.spec, commits, ignore); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(w.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label=project="+w.project))
	slices.Sort(got)
	want := []string{
		w.spec.Compose.Image + ":" + commits[3].String(), w.spec.Compose.Image + ":latest", // it runs
		w.spec.Compose.Image + ":mine",                   // the user's name
		w.spec.Compose.Image + ":" + commits[2].String(), // a container is made of it
	}
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
