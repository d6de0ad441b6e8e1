package k3s

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Apply implements [confirm.Runtime]: configuration first, then a patch for each
// Deployment in its order, then the rollouts of all at once. Nothing goes on without this
// process, so the lock is not handed on. It ends at the change's deadline: what is not
// rolled out by then is reverted.
func (r *Runtime) Apply(ctx context.Context, spec workload.Spec, change workload.Change, before State, _ *os.File, emit func(workload.Event)) error {
	if !change.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, change.Deadline, errTimeOver)
		defer cancel()
	}
	if _, err := r.staged(ctx, change.Image); err != nil {
		return err
	}
	r.hold(ctx, before, emit)
	name := r.images.Ref(change.Image)
	emit(workload.Event{Point: workload.PointTag, Text: name + " is " + workload.ShortID(change.Image.Config.String())})
	said, err := r.configure(ctx, spec, change, before.Sync)
	if err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointConfigure, Text: said})
	var made []kube.Deployment
	for _, former := range before.Deployments {
		d, err := r.stamp(ctx, spec, change, former, emit)
		if err != nil {
			return err
		}
		made = append(made, d)
	}
	pods, err := r.rollOut(ctx, spec, change, before, made, emit)
	if err != nil {
		return err
	}
	emit(workload.Event{Point: workload.PointSwitch, Text: "pods " + strings.Join(pods, ", ")})
	return nil
}

// errTimeOver is why an Apply ends at its change's deadline.
var errTimeOver = fault.Transient(fault.RolloutFailed, "the change's time is over: %w", context.DeadlineExceeded)

// inTime refuses a change whose deadline is over before a rollout must be: its Deployment
// got more time since the plan.
func (r *Runtime) inTime(all []kube.Deployment, change workload.Change) error {
	for _, d := range all {
		need, left := d.Definition.ProgressDeadline+r.limits.grace, time.Until(change.Deadline)
		if !change.Deadline.IsZero() && left < need {
			return fault.New(fault.Stale, "a rollout of Deployment %s/%s may take %s (progressDeadlineSeconds and %s), and the change is reverted in %s",
				d.Namespace, d.Name, need, r.limits.grace, left.Round(time.Second)).
				WithHint("run the same command again: it makes a new plan, by the present progressDeadlineSeconds")
		}
	}
	return nil
}

// hold pins the former images, so that the kubelet does not remove them while the change
// is pending. An image that has no commit's name cannot be pinned, and need not be: the
// kubelet got it from its own registry.
func (r *Runtime) hold(ctx context.Context, before State, emit func(workload.Event)) {
	for _, former := range before.Deployments {
		if former.Pinned == nil {
			continue
		}
		if got, there, err := r.images.Image(ctx, former.Image); err == nil && there && got.Pinned && got.Config == former.Config {
			continue
		}
		if err := r.images.Name(ctx, *former.Pinned); err != nil {
			emit(workload.Event{Point: workload.PointTag, Warning: true, Text: fmt.Sprintf("the former image %s cannot be pinned: %v", former.Image, err)})
		}
	}
}

// stamp patches a Deployment, unless it bears the change already, and returns what the
// patch made.
func (r *Runtime) stamp(ctx context.Context, spec workload.Spec, change workload.Change, former Former, emit func(workload.Event)) (d kube.Deployment, err error) {
	told := false
	err = r.racing(ctx, func() error {
		if d, err = r.one(ctx, spec, former.Name); err != nil {
			return err
		}
		if d.UID != former.UID {
			return fault.New(fault.Stale, "Deployment %s/%s was made anew since the change began", d.Namespace, d.Name)
		}
		if d.Change != change.ID {
			if !same(d.Template, former.Template) {
				return edited(d)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !told {
				told = true
				emit(workload.Event{Point: workload.PointReplace, Text: fmt.Sprintf("Deployment %s gets %s", d.Name, r.images.Ref(change.Image))})
			}
			if d, err = r.cluster.Stamp(ctx, d, r.marks(spec, change, d.Name)); err != nil {
				return lost(err)
			}
		}
		if ours, err := r.ours(ctx, spec, change, former, d); err != nil || !ours {
			return cmp.Or(err, edited(d))
		}
		return r.accepted(d, change)
	})
	return d, err
}

// ours reports whether a Deployment is the former Deployment as the change's patch made
// it. The API server decides it, so nothing is remembered that a crash could lose. What a
// webhook makes anew each time counts as another writer's.
func (r *Runtime) ours(ctx context.Context, spec workload.Spec, change workload.Change, former Former, d kube.Deployment) (bool, error) {
	if d.UID != former.UID {
		return false, nil
	}
	ours, err := r.cluster.Bears(ctx, d, r.marks(spec, change, d.Name), former.Template)
	if fault.ReasonOf(err) == fault.RolloutFailed && !fault.Retryable(err) {
		return false, nil // what the patch once made is refused now, so that nothing shows that d is that
	}
	return ours, lost(err)
}

// Holds implements [confirm.Runtime]: all Deployments are as the change made them, and no
// pod of another revision is left.
func (r *Runtime) Holds(ctx context.Context, spec workload.Spec, change workload.Change, before State) error {
	return r.racing(ctx, func() error {
		all, err := r.cluster.Deployments(ctx, spec)
		if fault.ReasonOf(err) == fault.WorkloadNotFound {
			return fault.New(fault.Stale, "%w", gone(err))
		}
		if err != nil {
			return err
		}
		for i, d := range all {
			ours, err := r.ours(ctx, spec, change, before.Deployments[i], d)
			switch {
			case err != nil:
				return err
			case !ours:
				return edited(d)
			case d.Definition.Replicas.Old > 0:
				return fault.Transient(fault.Stale, "pods of another revision of Deployment %s/%s run, too", d.Namespace, d.Name)
			}
		}
		return nil
	})
}

// marks are what the change writes into a Deployment.
func (r *Runtime) marks(spec workload.Spec, change workload.Change, name string) kube.Stamp {
	place, _ := spec.Deployment(name)
	return kube.Stamp{Change: change.ID, Container: place.Container, Image: r.images.Ref(change.Image), KeyPrefix: spec.KeyPrefix, Values: change.Stamps}
}

// accepted refuses a template that the cluster altered: it would run another image than
// the staged image.
func (r *Runtime) accepted(d kube.Deployment, change workload.Change) error {
	if want := r.images.Ref(change.Image); d.Definition.Image != want {
		return fault.New(fault.WorkloadUnfit, "the cluster runs %s in place of %s in Deployment %s/%s: something rewrites images when they are applied",
			d.Definition.Image, want, d.Namespace, d.Name).
			WithHint("`kubectl get mutatingwebhookconfigurations` lists what may do so; leave the namespace %s out there", d.Namespace)
	}
	return nil
}

func edited(d kube.Deployment) error {
	return fault.New(fault.Stale, "somebody changed the pod template of Deployment %s/%s since the change began", d.Namespace, d.Name).
		WithHint("`kubectl -n %s rollout history deployment/%s` shows its revisions; run the same command again for a new plan", d.Namespace, d.Name)
}

// one returns a single Deployment of a workload.
func (r *Runtime) one(ctx context.Context, spec workload.Spec, name string) (kube.Deployment, error) {
	place, ok := spec.Deployment(name)
	if !ok {
		return kube.Deployment{}, fault.New(fault.Internal, "%s has no Deployment %s", spec.Ref, name)
	}
	narrow := *spec.Kubernetes
	narrow.Deployments = []workload.DeploymentSpec{place}
	spec.Kubernetes = &narrow
	all, err := r.cluster.Deployments(ctx, spec)
	if err != nil {
		return kube.Deployment{}, err
	}
	return all[0], nil
}

// errLost is in the chain of an error about a write that came too late: the object had
// another version by then.
var errLost = errors.New("it was written meanwhile")

func lost(err error) error {
	if fault.ReasonOf(err) == fault.Stale {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

// racing does a write until it wins against those who write the same object's status, or
// finds that the object is not what it was. Each try reads the object anew.
func (r *Runtime) racing(ctx context.Context, try func() error) error {
	for {
		err := r.patiently(ctx, try)
		if !errors.Is(err, errLost) {
			return err
		}
		select {
		case <-ctx.Done():
			return over(ctx, err)
		case <-time.After(r.limits.retry / 10):
		}
	}
}
