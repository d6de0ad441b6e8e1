//go:build integration

package compose_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// detailed is a Compose file that sets much of the service.
func (w *world) detailed() string {
	subnet := fmt.Sprintf("10.%d.%d", 100+rand.IntN(100), rand.IntN(250))
	return w.composeFile(`    restart: on-failure:3
    domainname: example.org
    mac_address: 02:00:00:aa:bb:cc
    extra_hosts: ["elsewhere:192.0.2.7"]
    ulimits: {nofile: 4096}
    tmpfs: [/scratch]
    networks:
      default: {}
      front: {aliases: [other-name], ipv4_address: `+subnet+`.77}`) + `networks:
  front: {labels: {edition: one}, ipam: {config: [{subnet: ` + subnet + `.0/24}]}}
`
}

// definition is how a container was made, in the engine's words.
func (w *world) definition(id string) map[string]any {
	w.t.Helper()
	var list []struct {
		ID, Name, Image    string
		Config, HostConfig map[string]any
		Mounts             []struct{ Type, Name, Source, Destination string }
		NetworkSettings    struct {
			Networks map[string]struct {
				Aliases    []string
				IPAMConfig any
			}
		}
	}
	if err := json.Unmarshal([]byte(w.docker("inspect", id)), &list); err != nil || len(list) != 1 {
		w.t.Fatal(err)
	}
	c := list[0]
	if strings.HasPrefix(c.ID, fmt.Sprint(c.Config["Hostname"])) {
		delete(c.Config, "Hostname")
	}
	delete(c.HostConfig, "Mounts") // named or anonymous: c.Mounts is what comes of it
	delete(c.HostConfig, "Binds")
	slices.SortFunc(c.Mounts, func(a, b struct{ Type, Name, Source, Destination string }) int {
		return strings.Compare(a.Destination, b.Destination)
	})
	for name, n := range c.NetworkSettings.Networks {
		// An engine older than API 1.45 adds the id.
		n.Aliases = slices.DeleteFunc(n.Aliases, func(a string) bool { return strings.HasPrefix(c.ID, a) })
		slices.Sort(n.Aliases)
		c.NetworkSettings.Networks[name] = n
	}
	return map[string]any{"name": c.Name, "image": c.Image, "config": c.Config, "host": c.HostConfig, "mounts": c.Mounts, "networks": c.NetworkSettings.Networks}
}

// wantAsItWas fails unless a container of this definition runs, alone, and Compose takes
// it for its own: with the file as it was, it has nothing to do.
func (w *world) wantAsItWas(was map[string]any, file string) {
	w.t.Helper()
	if d := cmp.Diff(was, w.definition(w.spec.Compose.ContainerName)); d != "" {
		w.t.Error(d)
	}
	w.write("docker-compose.yml", file)
	in := w.want(0)
	w.docker("compose", "--project-directory", w.root, "-p", w.project, "--env-file", w.config.EnvFile, "up", "-d", "--no-build", "--no-deps", "--pull", "never", "sample")
	if now := w.want(0); now.ID != in.ID || !now.Started.Equal(in.Started) {
		w.t.Error("Compose does not take the container for its own and recreated it")
	}
}

// The files are edited between two deploys, and the new version does not start, or not
// well: what ran runs again, as it was.
func TestTheWayBackIsWhatRanAndNotTheFilesOfToday(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	const nul = "\nA=\x00"
	for name, edit := range map[string]func(file string) string{
		"the env file has a NUL":      func(f string) string { return f },
		"a network has another label": func(f string) string { return strings.Replace(f, "edition: one", "edition: two", 1) },
		"a network has another name":  func(f string) string { return strings.ReplaceAll(f, "front:", "back:") },
		"a network is external and not there": func(f string) string {
			return strings.Replace(f, "front: {labels: {edition: one}", "front: {external: true, name: nowhere-at-all}\n  rest: {labels: {edition: one}", 1)
		},
		"a port is taken": func(f string) string {
			return strings.Replace(f, "    restart:", "    ports: [\""+taken.Addr().String()+":8080\"]\n    restart:", 1)
		},
		"its program is another": func(f string) string {
			return strings.Replace(f, "    restart:", "    entrypoint: [/nowhere]\n    restart:", 1)
		},
		"its volume is gone": func(f string) string { return strings.Replace(f, "volumes: [/data]", "volumes: [/other]", 1) },
		"its secret is another": func(f string) string {
			return strings.Replace(f, "- SAMPLE_CLIENT_SECRET", "- SAMPLE_CLIENT_SECRET=another", 1)
		},
		"an env file is missing": func(f string) string {
			return strings.Replace(f, "    restart:", "    env_file: [nowhere.env]\n    restart:", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "", "exit")
			file := w.detailed()
			w.write("docker-compose.yml", file)
			w.beside()
			old := w.deploy(0, "a")
			was := w.definition(old.ID)
			edited := edit(file)
			if name == "the env file has a NUL" {
				w.write(".state/compose.env", strings.Replace(w.read(".state/compose.env"), "OTHER=1", "OTHER=1"+nul, 1))
			} else if edited == file {
				t.Fatal("nothing was edited")
			}
			w.write("docker-compose.yml", edited)
			c := w.plan(1, "b")
			_ = w.target().Switch(t.Context(), c, ignore)
			w.settle("b", workload.Revert)
			if strings.HasPrefix(name, "a network has another label") {
				file = edited // the network is not the container's, and others may be in it
			}
			w.write(".state/compose.env", strings.Replace(w.read(".state/compose.env"), nul, "", 1))
			w.wantAsItWas(was, file)
		})
	}
}

// The same in the middle: while the new version is proven.
func TestTheWayBackReadsNoFile(t *testing.T) {
	for name, spoil := range map[string]func(w *world){
		"the Compose file is no YAML": func(w *world) { w.write("docker-compose.yml", "services: {sample: {image: [}}") },
		"the Compose file is gone": func(w *world) {
			if err := os.Remove(filepath.Join(w.root, "docker-compose.yml")); err != nil {
				w.t.Fatal(err)
			}
		},
		"the service has another image": func(w *world) {
			w.write("docker-compose.yml", strings.Replace(w.read("docker-compose.yml"), "image: "+w.spec.Compose.Image+"\n", "image: other\n", 1))
		},
		"the env file redirects": func(w *world) { w.write(".state/compose.env", w.read(".state/compose.env")+"\nCOMPOSE_FILE=/x.yml\n") },
		"the env file has a NUL": func(w *world) { w.write(".state/compose.env", w.read(".state/compose.env")+"\nA=\x00\n") },
		"the env file is gone": func(w *world) {
			if err := os.Remove(filepath.Join(w.root, ".state/compose.env")); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "", "")
			file := w.detailed()
			w.write("docker-compose.yml", file)
			old := w.deploy(0, "a")
			was, env := w.definition(old.ID), w.read(".state/compose.env")
			if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
				t.Fatal(err)
			}
			spoil(w)
			var warned []string
			err := w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, func(e workload.Event) {
				if e.Warning {
					warned = append(warned, e.Text)
				}
			})
			if err != nil {
				t.Fatalf("%v (%s)", err, fault.HintOf(err))
			}
			if lost := name == "the env file is gone"; lost {
				if len(warned) != 1 || !strings.Contains(warned[0], "UNIDESK_SAMPLE_DEPLOY_COMMIT="+w.images[0].Commit.String()) || strings.Contains(warned[0], "hunter2") {
					t.Errorf("warned of %q", warned)
				}
			} else if len(warned) > 0 {
				t.Errorf("warned of %q", warned)
			}
			if strings.HasPrefix(name, "the env file") {
				w.write(".state/compose.env", env)
			}
			w.wantAsItWas(was, file)
		})
	}
}

// In the proof a person prunes all images that no container uses, and the volume that the
// new version does without.
func TestWhatRanSurvivesAPruneOfAll(t *testing.T) {
	w := newWorld(t, "", "")
	file := w.detailed()
	w.write("docker-compose.yml", file)
	old := w.deploy(0, "a")
	was := w.definition(old.ID)
	w.write("docker-compose.yml", strings.Replace(file, "volumes: [/data]", "volumes: [/other]", 1))
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	w.docker("image", "prune", "-af", "--filter", "label=project="+w.project)
	volume := w.docker("inspect", "-f", "{{(index .Mounts 0).Name}}", "unidesk-keep-"+w.spec.Compose.ContainerName)
	if out, err := exec.CommandContext(t.Context(), "docker", "volume", "rm", volume).CombinedOutput(); err == nil || !strings.Contains(string(out), "in use") {
		t.Errorf("the volume that the new version does without can be removed: %v, %s", err, out)
	}
	w.settle("b", workload.Revert)
	w.wantAsItWas(was, file)
	w.wantNothingHeld()
}

func (w *world) wantNothingHeld() {
	w.t.Helper()
	if left := w.docker("ps", "-aq", "--filter", "name=unidesk-keep-"+w.spec.Compose.ContainerName); left != "" {
		w.t.Errorf("a container that holds an image is left: %s", left)
	}
	if left, _ := filepath.Glob(filepath.Join(w.root, ".state", "changes", "*.secret.json")); len(left) > 0 {
		w.t.Errorf("secrets are left: %s", left)
	}
}

// A prune of containers takes the holder, too.
func TestAnImageThatIsGoneIsStagedAgain(t *testing.T) {
	for name, stages := range map[string]bool{"the registry has it": true, "nobody has it": false} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // a prune breaks the loads of others, see moby/moby#53321
			w := newWorld(t, "", "")
			old := w.planned(0, "a")
			was := w.definition(old.ID)
			if err := w.target().Switch(t.Context(), w.planWith(1, "b"), ignore); err != nil {
				t.Fatal(err)
			}
			w.docker("rm", "unidesk-keep-"+w.spec.Compose.ContainerName)
			w.docker("image", "prune", "-af", "--filter", "label=project="+w.project)
			if !stages {
				w.images, w.kept = w.images[1:], w.images
			}
			err := w.target().Settle(t.Context(), w.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, ignore)
			if !stages {
				w.images = w.kept
				if fault.ReasonOf(err) != fault.RevertFailed || !strings.Contains(fault.HintOf(err), "a deploy of "+w.images[0].Commit.String()+" stages it again") {
					t.Fatalf("%v (%s)", err, fault.HintOf(err))
				}
				if in := w.observe().Current(); in == nil || !in.Running {
					t.Errorf("nothing runs: %+v", in)
				}
				// As a deploy of the proven commit does, which finds it in the registry again.
				w.settle("b", workload.Revert)
			} else if err != nil {
				t.Fatalf("%v (%s)", err, fault.HintOf(err))
			}
			w.wantAsItWas(was, w.read("docker-compose.yml"))
			w.wantNothingHeld()
		})
	}
}

func TestWhatIsKeptHoldsNothingMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	w.deploy(0, "a")
	w.deploy(1, "b")
	w.wantNothingHeld()
}

// The env file's secret is rotated between two deploys: what ran has the former secret,
// which is in no output, and in a file that only the account reads.
func TestAFormerSecretIsNotTold(t *testing.T) {
	t.Parallel()
	const rotated = "a-rotated-secret/of+today"
	w := newWorld(t, "", "echo")
	file := w.detailed()
	w.write("docker-compose.yml", file)
	w.deploy(0, "a")
	w.write(".state/compose.env", strings.Replace(w.read(".state/compose.env"), secret, rotated, 1))
	w.write("docker-compose.yml", strings.Replace(file, "- SAMPLE_CLIENT_SECRET", "- SAMPLE_CLIENT_SECRET\n      - ECHO="+secret[:8]+"~"+secret[8:], 1))
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(w.root, ".state", "changes")
	pending, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range pending {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "hunter2") {
			continue
		}
		found++
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 || !strings.HasSuffix(name, ".secret.json") {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if found != 1 {
		t.Errorf("%d files have what ran, want 1 of %s", found, pending)
	}
	in := w.observe().Current()
	out, err := w.target().Logs(t.Context(), w.spec.Ref, in.ID, workload.Tail{Lines: 50})
	if err != nil || len(out.Lines) == 0 || strings.Contains(strings.Join(out.Lines, "\n"), "hunter2") {
		t.Errorf("%v: %q", err, out.Lines)
	}
	w.settle("b", workload.Revert)
	w.wantNothingHeld()
}

// Another account, which may not read the file of the first, finds the request in the
// container that holds the image.
func TestAnotherAccountGoesBackToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "")
	file := w.detailed()
	w.write("docker-compose.yml", file)
	old := w.deploy(0, "a")
	was := w.definition(old.ID)
	if err := w.target().Switch(t.Context(), w.plan(1, "b"), ignore); err != nil {
		t.Fatal(err)
	}
	private, err := filepath.Glob(filepath.Join(w.root, ".state", "changes", "*.secret.json"))
	if err != nil || len(private) != 1 {
		t.Fatalf("%v, %v", private, err)
	}
	if err := os.Remove(private[0]); err != nil { // root may read whatever mode it has
		t.Fatal(err)
	}
	w.settle("b", workload.Revert)
	w.wantAsItWas(was, file)
	w.wantNothingHeld()
}

// planned deploys version n as the product does, so that the container's labels name the
// image it was made.
func (w *world) planned(n int, id string) workload.Instance {
	w.t.Helper()
	if err := w.target().Switch(w.t.Context(), w.planWith(n, id), ignore); err != nil {
		w.t.Fatal(err)
	}
	w.settle(id, workload.Keep)
	return w.want(n)
}

func (w *world) planWith(n int, id string) workload.Change {
	w.t.Helper()
	c := w.plan(n, id)
	c.Stamps[workload.KeyDigest] = c.Image.Manifest.String()
	return c
}
