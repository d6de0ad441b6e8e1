// Package workloadtest is the test suite that every [workload.Target] must pass: a host and
// a node in memory, Compose on this host, and Compose and Kubernetes behind an agent.
package workloadtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Harness is a target with a workload of which nothing runs yet, or, if the runtime only
// changes what exists, something that no deploy made.
type Harness struct {
	Target workload.Target
	// Reopen returns the target as the next process on the host has it.
	Reopen func() workload.Target
	// Spec is a workload that the target has.
	Spec workload.Spec
	// Values are the configuration that each switch brings, none without a ConfigSync.
	Values workload.Values
	// Secrets are what the target shows of the workload's secrets after a switch.
	Secrets []workload.Secret
	// Images are four versions of it that can be staged.
	Images []artifact.Image
	// Secret is a value that is never shown.
	Secret string
}

// Run runs the suite; make is called for each test.
func Run(t *testing.T, make func(t *testing.T) Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *suite){
		"a first switch can be kept":                             firstKept,
		"a first switch is reverted to nothing":                  firstReverted,
		"a switch is reverted to what ran":                       reverted,
		"a switch is reverted by the next process":               revertedByNext,
		"a plan that is out of date is refused":                  stale,
		"one change at a time":                                   oneAtATime,
		"the same change again attaches and recreates nothing":   attaches,
		"the same version again makes another container":         forced,
		"settling is idempotent and final":                       settling,
		"a change that was reverted cannot be made again":        notAgain,
		"what was not staged is refused before anything":         notStaged,
		"the host names the placement":                           placed,
		"a run renews its change":                                renewed,
		"what was not proven is not kept":                        keptUnproven,
		"a workload that is not there":                           notThere,
		"secrets are present or not, and long, and nothing else": secrets,
		"versions that are let go can be staged and run again":   retired,
		"an unsettled change is told with who has it":            told,
		"every container beside it is told":                      beside,
		"an image is found where it would run":                   found,
		"output can be read":                                     logs,
		"a change that is being reverted a second time is fine":  revertTwice,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{Harness: make(t)}
			s.first = s.observe(t, false)
			test(t, s)
		})
	}
}

type suite struct {
	Harness
	changes int
	// first is what was there before any switch.
	first workload.Observation
}

func (s *suite) observe(t *testing.T, probe bool) workload.Observation {
	t.Helper()
	seen, err := s.Target.Observe(t.Context(), s.Spec.Ref, probe)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// running returns an instance of each unit, in the units' order, none when there is
// none; leftovers are an error.
func (s *suite) running(t *testing.T) []workload.Instance {
	t.Helper()
	seen := s.observe(t, false)
	if len(seen.Instances) == 0 {
		return nil
	}
	var all []workload.Instance
	for _, u := range seen.Units {
		for _, in := range seen.Instances {
			if in.Unit == u.Name && in.Current {
				all = append(all, in)
			}
		}
	}
	if len(all) != len(seen.Units) || len(all) != len(seen.Instances) {
		t.Fatalf("more than the one instance of each unit: %+v", seen.Instances)
	}
	return all
}

// images are what the instances run.
func images(all []workload.Instance) (ids []string) {
	for _, in := range all {
		ids = append(ids, in.ImageID)
	}
	return ids
}

// copies returns the identities of the instances.
func copies(all []workload.Instance) (found []workload.Copy) {
	for _, in := range all {
		found = append(found, in.Copy())
	}
	return found
}

// wantSame fails unless the same instances run as before.
func (s *suite) wantSame(t *testing.T, before, now []workload.Instance) {
	t.Helper()
	if !slices.EqualFunc(copies(before), copies(now), workload.Copy.Equal) {
		t.Errorf("other instances run: %+v, before %+v", now, before)
	}
}

// wantFirst fails unless what runs is what ran before any switch.
func (s *suite) wantFirst(t *testing.T) {
	t.Helper()
	var was []string
	for _, in := range s.first.Instances {
		was = append(was, in.ImageID)
	}
	now := images(s.running(t))
	slices.Sort(was)
	slices.Sort(now)
	if !slices.Equal(was, now) {
		t.Errorf("images %q run, at first there were %q", now, was)
	}
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
			workload.KeyImage: img.Repository.String() + ":" + img.Commit.String(), workload.KeyDigest: img.Manifest.String(),
			workload.KeyServiceID: "sample", workload.KeySourceRepo: "https://example.invalid/sample",
			workload.KeyDeployedAt: time.Now().UTC().Format(time.RFC3339Nano),
		},
		Deadline: time.Now().Add(time.Hour).UTC().Truncate(time.Second), Holder: "the suite", Values: s.Values,
	}
	s.running(t)
	c.Basis = s.observe(t, false).Basis
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
	if o == workload.Keep {
		settlement.Proven = copies(s.running(t))
	}
	return settlement
}

// deploy makes version n what runs.
func (s *suite) deploy(t *testing.T, n int, retire ...artifact.Commit) []workload.Instance {
	t.Helper()
	s.stage(t, n)
	c := s.plan(t, n)
	s.apply(t, c)
	s.settle(t, c.ID, workload.Keep, retire...)
	return s.wantVersion(t, n)
}

func (s *suite) wantVersion(t *testing.T, n int) []workload.Instance {
	t.Helper()
	all := s.running(t)
	if len(all) == 0 {
		t.Fatalf("nothing runs, want version %d", n)
	}
	img := s.Images[n]
	for _, in := range all {
		switch {
		case !in.Running || !in.Is(img.Pinned) || in.Labels[artifact.LabelRevision] != img.Commit.String():
			t.Fatalf("want version %d (%s), got %+v", n, img.Config, in)
		case in.Stamped[workload.KeyCommit] != img.Commit.String():
			t.Fatalf("the instance's env has %q, want version %d", in.Stamped[workload.KeyCommit], n)
		}
	}
	return all
}

func (s *suite) wantReason(t *testing.T, err error, want fault.Reason) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != want {
		t.Fatalf("got %v (%s), want %s", err, fault.ReasonOf(err), want)
	}
}

func ignore(workload.Event) {}

// switchPoints returns the points of a whole switch.
func switchPoints() []workload.Point {
	return []workload.Point{
		workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointReplace, workload.PointSwitch,
	}
}

// wantPoints compares points. A point may come many times in a row.
func wantPoints(t *testing.T, got []workload.Point, want ...workload.Point) {
	t.Helper()
	if d := cmp.Diff(want, slices.Compact(got)); d != "" {
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

// Points are the points of a deploy, in their order.
func Points() []workload.Point {
	return []workload.Point{
		workload.PointGuard, workload.PointResolve, workload.PointPreflight, workload.PointTransfer, workload.PointLayer, workload.PointLoad,
		workload.PointStaged, workload.PointBefore, workload.PointTag, workload.PointConfigure, workload.PointReplace, workload.PointSwitch,
		workload.PointProve, workload.PointPending, workload.PointSettle, workload.PointRecord,
	}
}
