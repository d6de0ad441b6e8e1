package k3s

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// rollOut waits until all Deployments run what the change made of them, and returns their
// pods' names. It fails as soon as any of them cannot.
func (r *Runtime) rollOut(ctx context.Context, spec workload.Spec, change workload.Change, before State, made []kube.Deployment, emit func(workload.Event)) (pods []string, err error) {
	w := r.wait(spec, workload.PointReplace, emit)
	secrets := before.Sync.values(change.Values)
	err = w.until(ctx, func(all []kube.Deployment) (bool, error) {
		pods = pods[:0]
		whole := true
		for i, d := range all {
			if d.UID != made[i].UID || !same(d.Template, made[i].Template) {
				return false, edited(d)
			}
			if err := w.fails(ctx, d, secrets, r.images.Ref(change.Image)); err != nil {
				return false, err
			}
			whole = whole && d.Definition.Complete() && d.Definition.Revision != ""
			for _, p := range d.Pods {
				if p.Current && p.Running {
					pods = append(pods, p.Name)
				}
			}
		}
		return whole, nil
	})
	return pods, err
}

// rollBack waits until Deployments serve with their former pods as they did before.
func (r *Runtime) rollBack(ctx context.Context, spec workload.Spec, before []Former, emit func(workload.Event)) error {
	narrow := *spec.Kubernetes
	narrow.Deployments = slices.DeleteFunc(slices.Clone(narrow.Deployments), func(d workload.DeploymentSpec) bool {
		return !slices.ContainsFunc(before, func(f Former) bool { return f.Name == d.Name })
	})
	spec.Kubernetes = &narrow
	w := r.wait(spec, workload.PointSettle, emit)
	return w.until(ctx, func(all []kube.Deployment) (bool, error) {
		whole := true
		for i, d := range all {
			back, err := r.isBack(ctx, d, before[i])
			if err != nil {
				return false, err
			}
			whole = whole && back
		}
		return whole, nil
	})
}

// isBack reports whether a Deployment serves as it did. A Deployment that did not serve
// need not.
func (r *Runtime) isBack(ctx context.Context, d kube.Deployment, former Former) (bool, error) {
	def := d.Definition
	if def.Seen < def.Generation || former.Available == 0 {
		return def.Seen >= def.Generation, nil
	}
	if def.Replicas.Want == 0 {
		return false, scaledDown(d)
	}
	if def.Replicas.Old > 0 || def.Replicas.Available < min(former.Available, def.Replicas.Want) {
		return false, nil
	}
	for _, p := range d.Pods {
		if !p.Current || !p.Running || former.Config.IsZero() {
			continue
		}
		got, there, err := r.image(ctx, p.ImageID)
		if err != nil {
			return false, err
		}
		if there && got.Config != former.Config {
			return false, fault.New(fault.DigestMismatch, "pod %s runs %s with config %s, and before it had %s: something else gave the image that name",
				p.Name, former.Image, got.Config, former.Config)
		}
	}
	return true, nil
}

// waiting is a wait for rollouts.
type waiting struct {
	*Runtime
	spec  workload.Spec
	point workload.Point
	emit  func(workload.Event)
	// said is the last line of progress.
	said string
	// homeless is since when a pod finds no node, by its id.
	homeless map[string]time.Time
}

func (r *Runtime) wait(spec workload.Spec, point workload.Point, emit func(workload.Event)) *waiting {
	return &waiting{Runtime: r, spec: spec, point: point, emit: emit, homeless: map[string]time.Time{}}
}

var errSlow = errors.New("the rollout takes too long")

// until looks at the Deployments whenever they may have changed, until look reports
// that all is well, or fails. While the API server does not answer it goes on waiting.
func (w *waiting) until(ctx context.Context, look func([]kube.Deployment) (bool, error)) error {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var names []string
	for _, d := range w.spec.Kubernetes.Deployments {
		names = append(names, d.Name)
	}
	limit := time.AfterFunc(w.limits.grace, func() { cancel(errSlow) })
	defer limit.Stop()
	var end, last error
	began, done, granted := time.Now(), false, time.Duration(0)
	w.cluster.Watch(watched, w.spec.Ref.Scope(), names, func() {
		if done || watched.Err() != nil {
			return
		}
		all, err := w.cluster.Deployments(watched, w.spec)
		if err == nil {
			for _, d := range all {
				if granted < d.Definition.ProgressDeadline {
					granted = d.Definition.ProgressDeadline
					limit.Reset(granted + w.limits.grace - time.Since(began))
				}
			}
			if done, err = look(all); !done && err == nil {
				w.progress(all)
			}
		}
		if err != nil && watched.Err() != nil {
			return // the error is of what ended the wait, and not of the cluster
		}
		last = err
		if err != nil && passes(err) {
			w.say("waiting: " + err.Error())
			return
		}
		if done || err != nil {
			done, end = true, err
			cancel(nil)
		}
	})
	switch {
	case done:
		return gone(end)
	case errors.Is(context.Cause(watched), errSlow) || errors.Is(context.Cause(watched), context.DeadlineExceeded):
		if last != nil {
			return last
		}
		return fault.Transient(fault.RolloutFailed, "%s has not rolled out within %v: %s", w.spec.Ref, time.Since(began).Round(time.Second), w.said)
	default:
		return context.Cause(watched)
	}
}

// gone explains a missing Deployment: it was there when the change began.
func gone(err error) error {
	if fault.ReasonOf(err) == fault.WorkloadNotFound {
		return fault.New(fault.WorkloadNotFound, "%w any more: somebody removed it since the change began", err)
	}
	return err
}

// progress reports how far the rollouts are, once for each difference.
func (w *waiting) progress(all []kube.Deployment) {
	var parts []string
	for _, d := range all {
		text := d.Name + ": " + d.Definition.Progress()
		for _, p := range d.Pods {
			if p.Current && p.Trouble != "" {
				text += ", " + p.Name + " " + p.Trouble
			}
		}
		parts = append(parts, text)
	}
	w.say(strings.Join(parts, "; "))
}

func (w *waiting) say(text string) {
	if text != w.said {
		w.said = text
		w.emit(workload.Event{Point: w.point, Text: text})
	}
}

func scaledDown(d kube.Deployment) error {
	return fault.New(fault.RolloutFailed, "Deployment %s/%s was scaled to 0 meanwhile: nothing runs", d.Namespace, d.Name).
		WithHint("kubectl -n %s scale deployment/%s --replicas=1", d.Namespace, d.Name)
}

// fails returns why the rollout of a Deployment cannot end well, nil if it may.
func (w *waiting) fails(ctx context.Context, d kube.Deployment, secrets []string, image string) error {
	def := d.Definition
	switch {
	case def.Seen < def.Generation:
		return nil // the condition is of the time before
	case def.Replicas.Want == 0:
		return scaledDown(d)
	}
	for _, p := range d.Pods {
		if !p.Current {
			continue
		}
		if p.Image != "" && p.Image != image {
			return fault.New(fault.WorkloadUnfit, "pod %s runs %s in place of %s: something rewrites the images of pods", p.Name, p.Image, image).
				WithHint("`kubectl get mutatingwebhookconfigurations` lists what may do so; leave the namespace %s out there", d.Namespace)
		}
		if hopeless(p) || w.lostWay(p) {
			return w.explain(ctx, d, p, secrets)
		}
	}
	if def.Trouble != "" {
		for _, p := range d.Pods { // the pod's own reason is more precise
			if p.Current && p.Trouble != "" {
				return w.explain(ctx, d, p, secrets)
			}
		}
		return fault.New(fault.RolloutFailed, "Deployment %s/%s: %s", d.Namespace, d.Name, def.Trouble).
			WithHint("kubectl -n %s describe deployment/%s", d.Namespace, d.Name)
	}
	return nil
}

// lostWay reports whether a pod has found no node for as long as it may take to make room.
func (w *waiting) lostWay(p workload.Instance) bool {
	if reason(p.Trouble) != unschedulable {
		delete(w.homeless, p.ID)
		return false
	}
	since, known := w.homeless[p.ID]
	if !known {
		w.homeless[p.ID] = time.Now()
	}
	return known && time.Since(since) >= w.limits.schedule
}
