// Package workloadtest is what every [workload.Target] must do, as one suite: the
// in-memory one, Compose on this host, and whatever stands behind an agent.
package workloadtest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Harness is a target with a workload of which nothing runs yet.
type Harness struct {
	Target workload.Target
	// Reopen returns the target as the next process on the host has it.
	Reopen func() workload.Target
	// Spec is a workload that the target has, its first secret present and its
	// second one missing.
	Spec workload.Spec
	// Images are four versions of it that can be staged.
	Images []artifact.Image
	// Secret is the value of the first secret.
	Secret string
}

// Run runs the suite; make is called for each test.
func Run(t *testing.T, make func(t *testing.T) Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *suite){
		"a first switch can be kept":                              firstKept,
		"a first switch is taken back to nothing":                 firstReverted,
		"a switch is taken back to what ran":                      reverted,
		"a switch is taken back by the next process":              revertedByNext,
		"a plan that is out of date is refused":                   stale,
		"one change at a time":                                    oneAtATime,
		"the same change again attaches and recreates nothing":    attaches,
		"the same version again makes another container":          forced,
		"settling is idempotent and final":                        settling,
		"a change that was taken back cannot be made again":       notAgain,
		"what was not staged is refused before anything":          notStaged,
		"the host names the placement":                            placed,
		"a run renews its change":                                 renewed,
		"what was not proven is not kept":                         keptUnproven,
		"a workload that is not there":                            notThere,
		"secrets are present or not, and long, and nothing else":  secrets,
		"versions that are let go can be staged and run again":    retired,
		"an unsettled change is told with who has it":             told,
		"every container beside it is told":                       beside,
		"output can be read":                                      logs,
		"a change that is being taken back a second time is fine": revertTwice,
	} {
		t.Run(name, func(t *testing.T) { test(t, &suite{Harness: make(t)}) })
	}
}

type suite struct {
	Harness
	changes int
}

func (s *suite) observe(t *testing.T, probe bool) workload.Observation {
	t.Helper()
	seen, err := s.Target.Observe(t.Context(), s.Spec.Ref, probe)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// running is the workload's container, nil when there is none; leftovers are an error.
func (s *suite) running(t *testing.T) *workload.Instance {
	t.Helper()
	seen := s.observe(t, false)
	if len(seen.Instances) == 0 {
		return nil
	}
	if len(seen.Instances) > 1 || !seen.Instances[0].Current {
		t.Fatalf("more than the one container: %+v", seen.Instances)
	}
	return &seen.Instances[0]
}

// plan is a change to version n based on what runs now.
func (s *suite) plan(t *testing.T, n int) workload.Change {
	t.Helper()
	s.changes++
	img := s.Images[n]
	c := workload.Change{
		ID: "change-" + string(rune('a'+s.changes)), Ref: s.Spec.Ref, Image: img.Pinned,
		Stamps: map[string]string{
			workload.KeyCommit: img.Commit.String(), workload.KeyRequestedCommit: img.Commit.String(),
			workload.KeyImage: s.Spec.Compose.Image + ":" + img.Commit.String(), workload.KeyDigest: img.Manifest.String(),
			workload.KeyServiceID: "sample", workload.KeySourceRepo: "https://example.invalid/sample",
			workload.KeyDeployedAt: time.Now().UTC().Format(time.RFC3339Nano),
		},
		Deadline: time.Now().Add(time.Hour).UTC().Truncate(time.Second), Holder: "the suite",
	}
	if in := s.running(t); in != nil {
		c.Basis = workload.Basis(in.ID)
	}
	return c
}

func (s *suite) stage(t *testing.T, n int) {
	t.Helper()
	if err := s.Target.Stage(t.Context(), s.Spec.Ref, s.Images[n].Pinned, ignore); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) apply(t *testing.T, c workload.Change) (points []workload.Point) {
	t.Helper()
	if err := s.Target.Switch(t.Context(), c, func(e workload.Event) { points = append(points, e.Point) }); err != nil {
		t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	return points
}

func (s *suite) settle(t *testing.T, id string, o workload.Outcome, retire ...artifact.Commit) {
	t.Helper()
	settlement := s.settlement(t, id, o)
	settlement.Retire = retire
	err := s.Target.Settle(t.Context(), s.Spec.Ref, settlement, ignore)
	if err != nil {
		t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
}

// settlement names what runs now as what was proven.
func (s *suite) settlement(t *testing.T, id string, o workload.Outcome) workload.Settlement {
	t.Helper()
	settlement := workload.Settlement{ChangeID: id, Outcome: o}
	if in := s.running(t); in != nil && o == workload.Keep {
		settlement.Proven = []workload.Copy{in.Copy()}
	}
	return settlement
}

// deploy makes version n what runs.
func (s *suite) deploy(t *testing.T, n int, retire ...artifact.Commit) *workload.Instance {
	t.Helper()
	s.stage(t, n)
	c := s.plan(t, n)
	s.apply(t, c)
	s.settle(t, c.ID, workload.Keep, retire...)
	return s.wantVersion(t, n)
}

func (s *suite) wantVersion(t *testing.T, n int) *workload.Instance {
	t.Helper()
	in := s.running(t)
	img := s.Images[n]
	switch {
	case in == nil:
		t.Fatalf("nothing runs, want version %d", n)
	case !in.Running || !in.Is(img.Pinned) || in.Labels[artifact.LabelRevision] != img.Commit.String():
		t.Fatalf("want version %d (%s), got %+v", n, img.Config, in)
	case in.Stamped[workload.KeyCommit] != img.Commit.String():
		t.Fatalf("the container's env says %q, want version %d", in.Stamped[workload.KeyCommit], n)
	}
	return in
}

func (s *suite) wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != want {
		t.Fatalf("got %v (%s), want %s", err, fault.ReasonOf(err), want)
	}
}

func ignore(workload.Event) {}

// switchPoints are the points of one whole switch.
func switchPoints() []workload.Point {
	return []workload.Point{
		workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointReplace, workload.PointSwitch,
	}
}

func wantPoints(t *testing.T, got []workload.Point, want ...workload.Point) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("points: %s", d)
	}
}

// noSecret fails when what the target shows holds the secret.
func (s *suite) noSecret(t *testing.T, shown any) {
	t.Helper()
	b, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	// JSON escapes what a secret may hold, other forms do not.
	for _, text := range []string{string(b), fmt.Sprintf("%+v", shown)} {
		if s.Secret == "" || strings.Contains(text, s.Secret) {
			t.Errorf("the secret is shown: %s", text)
		}
	}
}
