package k3s_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/k3stest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// ill makes the pods of a unit that run version n have a trouble.
func (w *world) ill(unit string, n int, trouble string) {
	w.node.Ill = func(in workload.Instance) string {
		if in.Unit == unit && strings.HasSuffix(in.Image, w.images[n].Commit.String()) {
			return trouble
		}
		return ""
	}
}

func TestARolloutThatCannotEndWellEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, trouble := range []string{
		"ErrImagePull: 127.0.0.1:5000/unidesk/sample: connection refused", "ImagePullBackOff: Back-off pulling image", "ErrImageNeverPull: not present",
		"CrashLoopBackOff: back-off 10s restarting (before: Error, exit code 3)", "OOMKilled, exit code 137",
		"CreateContainerConfigError: secret \"x\" not found", "InvalidImageName: cannot parse",
		"init container setup: CrashLoopBackOff: back-off 10s", "container proxy: ImagePullBackOff: Back-off",
	} {
		t.Run(trouble, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.node.Output = "one\ntwo: password " + password + ", token " + secret + ", before " + was + "\x1b[31m\n"
			w.ill("worker", 1, trouble)
			err := w.apply(w.change(1, "b"))
			w.fails(err, fault.RolloutFailed, "Deployment unidesk-dev/worker", trouble, "its last lines:\n  the last words of app\n  one\n  two: password [redacted]", "kubectl -n unidesk-dev describe pod worker-")
			if strings.Contains(err.Error(), "\x1b") {
				t.Errorf("it acts on a terminal: %q", err)
			}
			w.must(w.settle("b", workload.Revert))
			w.runs(0, was)
		})
	}
}

func TestARolloutWaitsForWhatTimeMends(t *testing.T) {
	t.Parallel()
	for _, trouble := range []string{"is not ready", "Unschedulable: 0/1 nodes are available", "Error, exit code 1", "SchedulingGated: a gate", ""} {
		t.Run(trouble, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.ill("web", 1, trouble)
			c := w.change(1, "b")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			looks := 0
			w.node.Before = func(act string) error {
				if act == "Deployments" {
					if looks++; looks > 30 {
						cancel()
					}
				}
				return nil
			}
			err := w.target().Switch(ctx, c, w.emit)
			if trouble == "" {
				w.must(err)
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("it ended by itself: %v", err)
			}
			w.alive()
			if w.observe().Pending == nil {
				t.Error("the change is not pending")
			}
			seen := map[string]int{}
			for _, e := range w.events {
				if seen[e.Text]++; seen[e.Text] > 1 {
					t.Errorf("reported twice: %s", e.Text)
				}
			}
			if trouble != "" && !w.said(trouble) {
				t.Errorf("no line of progress reports it: %+v", w.events)
			}
		})
	}
}

func TestAPodThatFindsNoNodeForLongEndsTheRollout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.schedule = 20 * time.Millisecond
	w.ill("web", 1, "Unschedulable: 0/1 nodes are available: 1 Insufficient memory.")
	w.fails(w.apply(w.change(1, "b")), fault.RolloutFailed, "Deployment unidesk-dev/web: pod web-", "Insufficient memory")
}

func TestPodsThatTheClusterRefusesEndTheRollout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	w.node.Before = at("Stamp worker", 1, func() error {
		w.node.Reject("worker", "FailedCreate: exceeded quota: pods")
		return nil
	})
	w.fails(w.apply(c), fault.RolloutFailed, "Deployment unidesk-dev/worker: FailedCreate: exceeded quota: pods", "kubectl -n unidesk-dev describe deployment/worker")
	w.node.Reject("worker", "")
	w.must(w.settle("b", workload.Revert))
	w.runs(0, was)
}

// unit is short: the fake makes a step in each millisecond.
const unit = 50 * time.Millisecond

func TestARolloutHasATimeOfItsSlowestDeployment(t *testing.T) {
	t.Parallel()
	for _, slowest := range []string{"web", "worker"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.slow(slowest, 2*unit)
			began := time.Now()
			w.fails(w.apply(w.change(1, "b")), fault.RolloutFailed, "has not rolled out within", "web: 1 of 1 updated", "is not ready")
			if took := time.Since(began); took != 3*unit {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// slow makes web's pods of version 1 never ready. Each rollout may make no progress for a
// unit, the named Deployment's for d; grace is a unit.
func (w *world) slow(name string, d time.Duration) {
	w.ill("web", 1, "is not ready")
	w.grace = unit
	for _, place := range w.spec.Kubernetes.Deployments {
		w.node.Slow(place.Name, unit)
	}
	w.node.Slow(name, d)
}

func TestARolloutEndsWithItsChange(t *testing.T) {
	t.Parallel()
	for _, raised := range []string{"web", "worker"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.slow(raised, unit)
			c := w.change(1, "b")
			c.Deadline = time.Now().Add(3 * unit)
			w.node.After = at("Stamp worker", 1, func() error { w.node.Slow(raised, 5*unit); return nil })
			w.fails(w.apply(c), fault.RolloutFailed, "has not rolled out within", "is not ready")
			if late := time.Since(c.Deadline); late != 0 {
				t.Errorf("it ended %s after the deadline", late)
			}
			w.alive()
			w.must(w.settle("b", workload.Revert))
			w.runs(0, was)
		})
	}
}

func TestAnAnswerThatTheDeadlineCutsIsNotTheReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.slow("web", unit)
		c := w.change(1, "b")
		c.Deadline = time.Now().Add(2 * unit)
		w.node.After = at("Stamp worker", 1, func() error {
			w.node.Before = at("Deployments", 10, func() error {
				time.Sleep(time.Until(c.Deadline))
				synctest.Wait()
				return context.DeadlineExceeded
			})
			return nil
		})
		w.fails(w.apply(c), fault.RolloutFailed, "has not rolled out within", "is not ready")
	})
}

func TestAChangeThatIsShorterThanARolloutIsNotBegun(t *testing.T) {
	t.Parallel()
	for _, raised := range []string{"web", "worker"} {
		w := newWorld(t)
		c := w.change(1, "b")
		c.Deadline = time.Now().Add(time.Minute)
		w.node.Slow(raised, time.Minute)
		w.fails(w.apply(c), fault.Stale, "Deployment unidesk-dev/"+raised+" may take 1m10s", "run the same command again")
		w.clean()
		w.runs(0, was)
		w.node.Slow(raised, time.Second)
		w.must(w.apply(c))
		w.runs(1, password)
	}
}

func TestAnotherWriterMakesAChangeStale(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at, words string
		do        func(w *world)
	}{
		"a template edited before the patch": {"Configuration", "pod template of Deployment unidesk-dev/worker", func(w *world) { w.node.Edit("worker", "A", "b") }},
		"a template edited after the patch":  {"Stamp worker", "pod template of Deployment unidesk-dev/web", func(w *world) { w.node.Unmark("web") }},
		"a Deployment made anew":             {"Configuration", "was made anew", func(w *world) { w.node.Recreate("worker") }},
		"a synced key":                       {"Configuration", "somebody changed user in ConfigMap unidesk-dev/auth", func(w *world) { w.node.Put("user", "else") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			change := w.change(1, "b")
			n := 1
			if c.at == "Configuration" {
				n = 2 // the first is the snapshot's
			}
			spoil := at(c.at, n, func() error { c.do(w); return nil })
			w.node.Before = func(act string) error {
				if act == "Stamp worker" && c.at == "Configuration" {
					t.Error("what another writer made is patched")
				}
				return spoil(act)
			}
			w.fails(w.apply(change), fault.Stale, c.words)
			w.alive()
			w.must(w.settle("b", workload.Revert))
			w.clean()
			if !w.said("stay") && name != "a synced key" {
				t.Errorf("nothing reports what stays: %+v", w.events)
			}
			for _, in := range w.observe().Instances {
				if in.Config == w.images[1].Config && !strings.Contains(name, "after") {
					t.Errorf("version 1 is left: %+v", in)
				}
			}
			if got := w.node.Config(); got["password"] != was || name == "a synced key" && got["user"] != "else" {
				t.Errorf("configuration: %q", got)
			}
		})
	}
}

func TestAMovedStatusIsNoOtherWriter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	n := 0
	w.node.Before = func(act string) error {
		if strings.HasPrefix(act, "Stamp") {
			if n++; n < 5 {
				w.node.Touch(strings.TrimPrefix(act, "Stamp "))
			}
		}
		return nil
	}
	w.must(w.apply(c))
	w.runs(1, password)
	if n < 5 {
		t.Errorf("only %d patches were tried", n)
	}
}

func TestALostReplyIsReadBack(t *testing.T) {
	t.Parallel()
	for _, act := range []string{"Stamp web", "Stamp worker", "SetConfiguration Secret auth", "SetConfiguration ConfigMap auth", "Deployments", "Configuration"} {
		t.Run(act, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(1, "b")
			stamps := 0
			w.node.After = func(a string) error {
				if strings.HasPrefix(a, "Stamp") {
					stamps++
				}
				return nil
			}
			lost := at(act, 2, silent) // the first is the snapshot's
			if act != "Deployments" && act != "Configuration" {
				lost = at(act, 1, silent)
			}
			count := w.node.After
			w.node.After = func(a string) error { return errors.Join(count(a), lost(a)) }
			w.must(w.apply(c))
			w.runs(1, password)
			if stamps != 2 {
				t.Errorf("%d patches", stamps)
			}
		})
	}
}

func TestAnAPIServerThatIsSilentForAWhileIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"Configuration", "Stamp web", "Stamp worker"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.change(1, "b")
			// From then on, for some questions.
			quiet := func(from string) {
				left := 0
				w.node.Before = func(act string) error {
					if left--; left > 0 && !strings.HasPrefix(act, "Image") {
						return silent()
					}
					return nil
				}
				w.node.After = at(from, 1, func() error { left = 10; return nil })
			}
			quiet(from)
			w.must(w.apply(c))
			quiet(strings.Replace(from, "Stamp", "Restore", 1))
			w.must(w.settle("b", workload.Revert))
			w.runs(0, was)
		})
	}
}

// A rollout that is under way goes on beside an API server that does not answer.
func TestAWatchedRolloutOutlivesASilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	reported := func(point workload.Point, text string) bool {
		return slices.ContainsFunc(w.events, func(e workload.Event) bool { return e.Point == point && strings.HasPrefix(e.Text, text) })
	}
	left := 3
	w.node.Before = func(act string) error {
		if act != "Deployments" || !reported(workload.PointReplace, "web: ") || left == 0 {
			return nil
		}
		left--
		return silent()
	}
	w.must(w.apply(c))
	w.runs(1, password)
	if left > 0 || !reported(workload.PointReplace, "waiting: the API server does not answer") {
		t.Errorf("%d silences were not met, or none was reported: %+v", left, w.events)
	}
}

func TestAnAPIServerThatStaysSilentLeavesTheChangePending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.change(1, "b")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w.node.Before = func(act string) error {
			if strings.HasPrefix(act, "Stamp") {
				return silent()
			}
			return nil
		}
		err := w.target().Switch(ctx, c, w.emit)
		w.fails(err, fault.KubernetesUnavailable)
		if !fault.Retryable(err) {
			t.Error("it is not reported that a retry may help")
		}
		w.alive()
		w.must(w.apply(c))
		w.runs(1, password)
	})
}

func TestAWebhookThatRewritesImagesIsToldOf(t *testing.T) {
	t.Parallel()
	rewrite := func(image string) string {
		if strings.HasPrefix(image, k3stest.Registry) {
			return "mirror.invalid/" + image
		}
		return image
	}
	for words, set := range map[string]func(*world){
		" in Deployment unidesk-dev/web: something rewrites": func(w *world) { w.node.Admit = rewrite },
		"pod web-": func(w *world) { w.node.AdmitPod = rewrite },
	} {
		w := newWorld(t)
		c := w.change(1, "b")
		set(w)
		w.fails(w.apply(c), fault.WorkloadUnfit, "runs mirror.invalid/127.0.0.1:5000/unidesk/sample:", "mutatingwebhookconfigurations", words)
		w.node.AdmitPod = nil
		w.must(w.settle("b", workload.Revert))
		w.runs(0, was)
	}
}

func TestACallerWhoLeavesEndsTheChangeWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.node.After = at("SetConfiguration ConfigMap", 1, func() error { cancel(); return nil })
	w.node.Before = at("Stamp", 1, func() error { t.Error("a Deployment is patched"); return nil })
	if err := w.target().Switch(ctx, c, w.emit); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.alive()
	if w.observe().Pending == nil {
		t.Error("the change is not pending")
	}
	w.must(w.apply(c))
	w.runs(1, password)
}

func TestWhatIsTakenAwayDuringARolloutIsToldOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     func(w *world)
		reason fault.Reason
		words  []string
	}{
		"scaled to 0": {func(w *world) { w.node.Scale("web", 0) }, fault.RolloutFailed, []string{"was scaled to 0", "kubectl -n unidesk-dev scale deployment/web --replicas=1"}},
		"deleted":     {func(w *world) { w.node.Delete("web") }, fault.WorkloadNotFound, []string{"unidesk-dev/web", "somebody removed it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			change := w.change(1, "b")
			w.node.After = at("Stamp worker", 1, func() error { c.do(w); return nil })
			w.fails(w.apply(change), c.reason, c.words...)
			w.alive()
			// Only a person can bring it back, and the error names the way. The other
			// is back.
			err := w.settle("b", workload.Revert)
			w.fails(err, fault.RevertFailed, "kubectl -n unidesk-dev rollout undo deployment/web", "put back the former value of password")
			worker := w.observe().Of("worker")
			if len(worker) != 1 {
				t.Fatalf("%+v", worker)
			}
			w.one(worker[0], 0, was)
		})
	}
}

func TestPatchesKeepTheOrderOfThePlacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.change(1, "b")
	acts := w.crash(1<<20, false)
	w.must(w.apply(c))
	writes := slices.DeleteFunc(*acts, func(a string) bool { return !strings.HasPrefix(a, "S") })
	if want := []string{"SetConfiguration Secret auth", "SetConfiguration ConfigMap auth", "Stamp web", "Stamp worker"}; !slices.Equal(writes, want) {
		t.Errorf("%q, want %q", writes, want)
	}
}

func TestAReasonIsFoundWhateverContainerItIsAbout(t *testing.T) {
	t.Parallel()
	for trouble, want := range map[string]string{
		"": "", "is not ready": "is", "OOMKilled, exit code 137": "OOMKilled", "ErrImagePull: no: such": "ErrImagePull", "CrashLoopBackOff": "CrashLoopBackOff",
		"container ErrImagePull: is not ready": "is", "init container a: OOMKilled, exit code 137": "OOMKilled",
	} {
		if got := k3s.Reason(trouble); got != want {
			t.Errorf("%q: %q, want %q", trouble, got, want)
		}
	}
}
