//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

// agentAccount is the agent's user name at the API server.
const agentAccount = "system:serviceaccount:unidesk-system:unidesk-agent"

// webhook registers a webhook for a Deployment while the test lasts.
func (k *cluster) webhook(t *testing.T, spec workload.Spec, deployment string) *kube.Webhook {
	t.Helper()
	hook, err := k.Webhook(t.Context(), spec.Ref.Scope(), deployment)
	must(t, err)
	t.Cleanup(func() { must(t, hook.Close(context.WithoutCancel(t.Context()))) })
	return hook
}

// admitted has a webhook refuse or rewrite what a deploy brings.
func (k *cluster) admitted(t *testing.T) {
	spec := k.spec(t, "decision-center", artifact.Dev)
	good := k.live(t, spec)
	next := release(t, "decision-center", lab.Change{}).SourceCommit
	old := two.ci.Ref("decision-center", good)
	hook := k.webhook(t, spec, spec.Kubernetes.Deployments[0].Name)
	ours := func(r kube.Review) bool { return r.Kind == "Deployment" && r.User == agentAccount }
	pods := func(r kube.Review) bool { return r.Kind == "Pod" }
	for what, c := range map[string]struct {
		asked   func(kube.Review) bool
		verdict kube.Verdict
		reason  fault.Reason
		says    []string
		fix     string
		rolls   bool // the Deployment is changed, and changed back
	}{
		"the patch refused": {ours, kube.Verdict{Refuse: "images of Tuesday only"}, fault.RolloutFailed, []string{"the cluster refuses the change", "images of Tuesday only"}, "", false},
		"the pod refused":   {pods, kube.Verdict{Refuse: "no pods on Tuesday"}, fault.RolloutFailed, []string{"FailedCreate", "no pods on Tuesday"}, "kubectl -n unidesk-dev describe", true},
		"the patch's image rewritten": {
			ours,
			kube.Verdict{Patch: fmt.Sprintf(`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":%q}]`, old)},
			fault.WorkloadUnfit,
			[]string{old + " in place of", "something rewrites images"},
			"kubectl get mutatingwebhookconfigurations", true,
		},
		"the pod's image rewritten": {
			pods,
			kube.Verdict{Patch: fmt.Sprintf(`[{"op":"replace","path":"/spec/containers/0/image","value":%q}]`, old)},
			fault.WorkloadUnfit,
			[]string{old + " in place of", "something rewrites the images of pods"},
			"kubectl get mutatingwebhookconfigurations", true,
		},
	} {
		t.Run(what, func(t *testing.T) {
			before := k.generation(t, spec)
			hook.Answer(func(r kube.Review) (v kube.Verdict) {
				if c.asked(r) {
					return c.verdict
				}
				return v
			})
			a := deployTo(t, spec, next)
			hook.Answer(nil)
			a.want(t, contract.DecidedReverted, c.reason, 1)
			for _, words := range c.says {
				if !strings.Contains(a.result.Failure.Message, words) {
					t.Errorf("%s lacks %q", a.result.Failure.Message, words)
				}
			}
			if !strings.Contains(a.result.Failure.Hint, c.fix) {
				t.Errorf("%s lacks %q", a.result.Failure.Hint, c.fix)
			}
			if changed := k.generation(t, spec) != before; changed != c.rolls {
				t.Errorf("the Deployment was changed: %v", changed)
			}
			k.runs(t, spec, good)
		})
	}
}

// generation counts the changes of the first Deployment.
func (k *cluster) generation(t *testing.T, spec workload.Spec) int {
	t.Helper()
	var o struct{ Metadata struct{ Generation int } }
	must(t, k.Get(t.Context(), spec.Ref.Scope(), "deployment/"+spec.Kubernetes.Deployments[0].Name, &o))
	return o.Metadata.Generation
}

// together has a webhook refuse the pods of the third Deployment of four.
func (k *cluster) together(t *testing.T) {
	spec := k.spec(t, "code-queue", artifact.Dev)
	good := k.live(t, spec)
	bad := release(t, "code-queue", lab.Change{}).SourceCommit
	third := spec.Kubernetes.Deployments[2].Name
	hook := k.webhook(t, spec, third)
	hook.Answer(func(r kube.Review) (v kube.Verdict) {
		if r.Kind == "Pod" {
			v.Refuse = "no third Deployment"
		}
		return v
	})
	a := deployTo(t, spec, bad)
	hook.Answer(nil)
	a.want(t, contract.DecidedReverted, fault.RolloutFailed, 1)
	if m := a.result.Failure.Message; !strings.Contains(m, "Deployment unidesk-dev/"+third) || !strings.Contains(m, "no third Deployment") {
		t.Errorf("%s has no reason", m)
	}
	k.runs(t, spec, good)
}

// edited has another writer change the Deployment in the middle of a deploy. The webhook
// is asked at that moment, and answers once the writer is done.
func (k *cluster) edited(t *testing.T) {
	spec := k.spec(t, "decision-center", artifact.Prod)
	name := spec.Kubernetes.Deployments[0].Name
	hook := k.webhook(t, spec, name)
	ctx := context.WithoutCancel(t.Context())
	setEnv := func(entry string) error {
		_, err := k.Kubectl(ctx, "set", "env", "deployment/"+name, entry, "--namespace", spec.Ref.Scope())
		return err
	}
	undo := func() error {
		_, err := k.Kubectl(ctx, "rollout", "undo", "deployment/"+name, "--namespace", spec.Ref.Scope())
		return err
	}
	patched := func(r kube.Review) bool { return r.Kind == "Deployment" && r.User == agentAccount }
	started := func(r kube.Review) bool { return r.Kind == "Pod" }
	for what, c := range map[string]struct {
		when func(kube.Review) bool
		edit func() error
		env  string // what the writer added, "" if it went back
		next bool   // the writer's template has the new image
	}{
		"before the patch":        {patched, func() error { return setEnv("LAB_EDIT=early") }, "early", false},
		"before the proof":        {started, func() error { return setEnv("LAB_EDIT=late") }, "late", true},
		"undone before the proof": {started, undo, "", false},
	} {
		t.Run(what, func(t *testing.T) {
			good := k.live(t, spec)
			next := release(t, "decision-center", lab.Change{}).SourceCommit
			edit := sync.OnceValue(c.edit)
			hook.Answer(func(r kube.Review) (v kube.Verdict) {
				if c.when(r) {
					if err := edit(); err != nil {
						v.Refuse = err.Error()
					}
				}
				return v
			})
			a := deployTo(t, spec, next)
			hook.Answer(nil)
			must(t, edit())
			f := a.result.Failure
			if f == nil || f.Reason != fault.Stale || a.exit != 1 || !strings.Contains(f.Message, "changed the pod template of Deployment unidesk/"+name) || !strings.Contains(f.Hint, "rollout history") {
				t.Errorf("the answer does not name the other writer's edit: exit %d: %s\n%s", a.exit, a.stdout, a.stderr)
			}
			if got := k.envOf(t, spec, "LAB_EDIT"); got != c.env {
				t.Errorf("LAB_EDIT is %q, and the other writer made it %q", got, c.env)
			}
			runs := good
			if c.next {
				runs = next
			}
			k.rolledOut(t, spec)
			k.runs(t, spec, runs)
			if !strings.Contains(a.result.Running.Text, runs) {
				t.Errorf("%s runs, and the answer has %q", runs, a.result.Running.Text)
			}
			must(t, setEnv("LAB_EDIT-"))
			k.rolledOut(t, spec)
		})
	}
}

// envOf is a variable of the first Deployment's container.
func (k *cluster) envOf(t *testing.T, spec workload.Spec, name string) string {
	t.Helper()
	out, err := k.Kubectl(t.Context(), "get", "deployment", spec.Kubernetes.Deployments[0].Name, "--namespace", spec.Ref.Scope(),
		"--output", `jsonpath={.spec.template.spec.containers[0].env[?(@.name=="`+name+`")].value}`)
	must(t, err)
	return out
}

// contended has two controllers want the same workload: first while the other stands
// still in the middle of its change, then both at once.
func (k *cluster) contended(t *testing.T) {
	spec := k.spec(t, "claudeqq", artifact.Prod)
	good := k.live(t, spec)
	first, second := release(t, "claudeqq", lab.Change{}).SourceCommit, release(t, "claudeqq", lab.Change{}).SourceCommit
	start := func(commit string) *running {
		return begin(t, deployCommand(t, "claudeqq", commit, "--env", "prod", "--config", quickConfig))
	}
	locked := func(t *testing.T, a answer, holder string) {
		t.Helper()
		a.want(t, contract.DecidedBlocked, fault.Locked, 3)
		if f := a.result.Failure; a.result.Mutated || !f.Retry || !strings.Contains(f.Message, "deploy of "+holder) || !strings.Contains(f.Hint, "wait for it to end") {
			t.Errorf("mutated %v, %+v", a.result.Mutated, f)
		}
	}
	t.Run("in the middle", func(t *testing.T) {
		r := start(first)
		r.reaches(t, workload.PointBefore)
		signal := func(s syscall.Signal) { _ = syscall.Kill(-r.cmd.Process.Pid, s) } // the group: nsenter is not the controller
		signal(syscall.SIGSTOP)
		b := deployTo(t, spec, second)
		ended := make(chan struct{})
		go func() { // nsenter stops itself once it sees that its child has stopped, however late
			for signal(syscall.SIGCONT); ; signal(syscall.SIGCONT) {
				select {
				case <-ended:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		}()
		a := func() answer {
			defer close(ended)
			return r.end(t)
		}()
		a.want(t, contract.DecidedSucceeded, "", 0)
		locked(t, b, first)
		if now := b.result.Running.Text; !strings.Contains(now, good) && !strings.Contains(now, first) {
			t.Errorf("%q names neither of the two versions that were there", now)
		}
		k.runs(t, spec, first)
	})
	t.Run("at once", func(t *testing.T) {
		third := release(t, "claudeqq", lab.Change{}).SourceCommit
		b, c := start(second), start(third)
		won, lost, commit, other := b.end(t), c.end(t), second, third
		if won.result.Decision != contract.DecidedSucceeded {
			won, lost, commit, other = lost, won, third, second
		}
		won.want(t, contract.DecidedSucceeded, "", 0)
		if lost.result.Decision == contract.DecidedSucceeded { // it began when the other had ended
			if now, err := k.stamped(t, spec); err != nil || now != commit && now != other {
				t.Errorf("%s runs (%v)", now, err)
			} else {
				commit = now
			}
		} else {
			locked(t, lost, commit)
		}
		k.runs(t, spec, commit)
	})
}
