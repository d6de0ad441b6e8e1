package compose

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

// counted is a runtime whose Compose prints project.json and counts how often it ran;
// of single services it knows only those in the folder profiles.
func counted(t *testing.T) (r *Runtime, asked func() int) {
	t.Helper()
	r = fake(t, "SECRET=hunter2\n", `echo "$*" >> asked
for last in "$@"; do :; done
if [ "$last" = json ]; then cat project.json; else cat "profiles/$last"; fi`)
	r.config.Files = []string{"a.yml", "b.yml"}
	for name, text := range map[string]string{
		"a.yml": "services: {}\n", "b.yml": "services: {}\n", "project.json": `{"services":{"one":{"image":"1"},"two":{"image":"2"}}}`,
	} {
		put(t, r, name, text)
	}
	return r, func() int {
		all, _ := os.ReadFile(filepath.Join(r.config.Root, "asked"))
		return strings.Count(string(all), "\n")
	}
}

func put(t *testing.T, r *Runtime, name, text string) {
	t.Helper()
	name = filepath.Join(r.config.Root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func imageOf(ctx context.Context, t *testing.T, r *Runtime, name string) string {
	t.Helper()
	d, err := r.recall(ctx, mustEnv(t, r), name)
	if err != nil {
		t.Fatal(err)
	}
	return d.Image
}

func TestComposeIsAskedOnceWhileItsFilesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	r, asked := counted(t)
	for range 3 {
		if one, two := imageOf(t.Context(), t, r, "one"), imageOf(t.Context(), t, r, "two"); one != "1" || two != "2" {
			t.Fatalf("%q, %q", one, two)
		}
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// The role that may only look must not be able to start more of Compose than there is room for.
func TestThoseWhoLookAtOnceShareAnAnswer(t *testing.T) {
	t.Parallel()
	r, asked := counted(t)
	put(t, r, "docker", "#!/bin/sh\ncd "+r.config.Root+"\necho \"$*\" >> asked\nwhile ! [ -e go ]; do sleep 0.01; done\ncat project.json\n")
	if err := os.Chmod(filepath.Join(r.config.Root, "docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.docker = filepath.Join(r.config.Root, "docker")
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if d, err := r.recall(t.Context(), mustEnv(t, r), "one"); err != nil || d.Image != "1" {
				t.Errorf("%q, %v", d.Image, err)
			}
		})
	}
	leaves, leave := context.WithCancel(t.Context())
	leave()
	for asked() == 0 {
		if _, err := r.recall(leaves, mustEnv(t, r), "one"); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that leaves: %v", err)
		}
	}
	put(t, r, "go", "")
	all.Wait()
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// gone is an engine that does not answer, which is asked after Compose.
type gone struct{ Engine }

func (gone) Info(context.Context) (engine.Info, error) { return engine.Info{}, io.EOF }

func TestALookRemembersAndASwitchAsksAnew(t *testing.T) {
	t.Parallel()
	r, asked := counted(t)
	r.engine = gone{}
	spec := workload.Spec{Ref: workloadtest.Ref("unidesk", "one"), Compose: &workload.ComposeSpec{Image: "1"}}
	r.config.Workloads = []workload.Spec{spec}
	for range 3 {
		if _, err := r.Observe(t.Context(), spec.Ref, true); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	put(t, r, "project.json", `{"services":{"one":{"image":"other"}}}`) // for a reason that is in no file
	_, _, err := r.Snapshot(t.Context(), spec, workload.Change{Ref: spec.Ref})
	if fault.ReasonOf(err) != fault.WorkloadUnfit || !strings.Contains(err.Error(), "compose image is other, want ") {
		t.Error(err)
	}
}

func TestComposeIsAskedAgainWhenAFileHasOtherBytes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a.yml": "services: {x}\n", "b.yml": "services: {y}\n", "c.env": "SECRET=hunter3\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, asked := counted(t)
			imageOf(t.Context(), t, r, "one")
			put(t, r, "project.json", `{"services":{"one":{"image":"new"}}}`)
			put(t, r, name, text) // of the same size, in the same second
			if got := imageOf(t.Context(), t, r, "one"); got != "new" || asked() != 2 {
				t.Errorf("%q, asked %d times", got, asked())
			}
		})
	}
}

func TestAnAnswerDuringAChangeIsNotKept(t *testing.T) {
	t.Parallel()
	r, asked := counted(t)
	put(t, r, "docker.sh", "echo >> asked; cat project.json; echo '# changed' >> a.yml\n")
	imageOf(t.Context(), t, r, "one")
	put(t, r, "docker.sh", "echo >> asked; cat project.json\n")
	imageOf(t.Context(), t, r, "one")
	if n := asked(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestComposeIsAskedEachTimeWhereFilesAreReadThatNobodyNamed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"include: [more.yml]\n", "services: {one: {extends: {file: more.yml, service: one}}}\n", "services: {one: {label_file: more.env}}\n",
	} {
		r, asked := counted(t)
		put(t, r, "b.yml", text)
		imageOf(t.Context(), t, r, "one")
		imageOf(t.Context(), t, r, "one")
		if n := asked(); n != 2 {
			t.Errorf("%q: asked %d times", text, n)
		}
	}
}

func TestAnAnswerIsKnownForAMinute(t *testing.T) {
	t.Parallel()
	r, asked := counted(t)
	imageOf(t.Context(), t, r, "one")
	k := *r.known.Load()
	k.at = k.at.Add(-fresh)
	r.known.Store(&k)
	imageOf(t.Context(), t, r, "one")
	if n := asked(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestAServiceOfAProfileIsAskedForByName(t *testing.T) {
	t.Parallel()
	r, asked := counted(t)
	put(t, r, "profiles/hidden", `{"services":{"hidden":{"image":"h"}}}`)
	for range 2 {
		if got := imageOf(t.Context(), t, r, "hidden"); got != "h" {
			t.Errorf("%q", got)
		}
	}
	before := asked()
	_, err := r.recall(t.Context(), mustEnv(t, r), "nobody")
	if n := asked() - before; n != 1 {
		t.Errorf("asked %d times more, and the project is known", n)
	}
	if fault.ReasonOf(err) != fault.WorkloadNotFound || !strings.Contains(err.Error(), "one, two") {
		t.Error(err)
	}
}

func TestAServiceIsFoundInAProjectThatIsNotWhole(t *testing.T) {
	t.Parallel()
	r, _ := counted(t)
	put(t, r, "profiles/one", `{"services":{"one":{"image":"1"}}}`)
	if err := os.Remove(filepath.Join(r.config.Root, "project.json")); err != nil {
		t.Fatal(err)
	}
	if got := imageOf(t.Context(), t, r, "one"); got != "1" {
		t.Errorf("%q", got)
	}
	if _, err := r.recall(t.Context(), mustEnv(t, r), "nobody"); fault.ReasonOf(err) != fault.ComposeFailed {
		t.Error(err)
	}
}
