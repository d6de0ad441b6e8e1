package k3s

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Restore implements [confirm.Runtime].
func (r *Runtime) Restore(ctx context.Context, spec workload.Spec, change workload.Change, before State, _ *os.File, emit func(workload.Event)) error {
	if err := r.restore(ctx, spec, change, before, emit); err != nil {
		f := &fault.Error{Reason: fault.ReasonOf(err), Retry: fault.Retryable(err), Err: err}
		return f.WithHint("%s", manual(spec, change, before)).WithAction(fault.Recover)
	}
	return nil
}

// restore goes as far as it can: a Deployment that is gone does not keep the others from
// going back.
func (r *Runtime) restore(ctx context.Context, spec workload.Spec, change workload.Change, before State, emit func(workload.Event)) error {
	// The former pods read the former configuration when they start.
	faults := []error{r.unconfigure(ctx, spec, before.Sync, emit)}
	var ours []Former
	for _, former := range before.Deployments {
		back, err := r.putBack(ctx, spec, change, former, emit)
		if back {
			ours = append(ours, former)
		}
		faults = append(faults, err)
	}
	if len(ours) > 0 {
		faults = append(faults, r.rollBack(ctx, spec, ours, emit))
	}
	return errors.Join(faults...)
}

// putBack gives a Deployment its former template, and reports whether it has it.
func (r *Runtime) putBack(ctx context.Context, spec workload.Spec, change workload.Change, former Former, emit func(workload.Event)) (back bool, err error) {
	held := false
	err = r.racing(ctx, func() error {
		d, err := r.one(ctx, spec, former.Name)
		if err != nil {
			return err
		}
		if back = d.UID == former.UID && same(d.Template, former.Template); back {
			return nil
		}
		if ours, err := r.ours(ctx, spec, change, former, d); err != nil {
			return err
		} else if !ours {
			emit(workload.Event{Point: workload.PointSettle, Warning: true, Unit: d.Name, Text: stays(d, former)})
			return nil
		}
		if !held {
			held = true
			if err := r.bring(ctx, former, emit); err != nil {
				return err
			}
		}
		emit(workload.Event{Point: workload.PointSettle, Text: fmt.Sprintf("Deployment %s goes back to %s", d.Name, former.Image)})
		_, err = r.cluster.Restore(ctx, d, r.marks(spec, change, d.Name), kube.Former{Template: former.Template, Annotations: former.Annotations})
		back = err == nil
		return lost(err)
	})
	return back, gone(err)
}

// stays is the warning about a Deployment that another writer changed, with the next act.
func stays(d kube.Deployment, former Former) string {
	of := plain.Command("-n", d.Namespace, "deployment/"+d.Name)
	return fmt.Sprintf("somebody changed Deployment %s/%s since the change began: it stays as it is and runs %s (before it ran %s); "+
		"`kubectl rollout history %s` shows its revisions, `kubectl rollout undo %s --to-revision=N` goes back to revision N",
		d.Namespace, d.Name, d.Definition.Image, former.Image, of, of)
}

// bring makes sure that the former image is there, if it has a commit's name: only
// the registry on this host has that image.
func (r *Runtime) bring(ctx context.Context, former Former, emit func(workload.Event)) error {
	if former.Pinned == nil {
		return nil
	}
	got, there, err := r.images.Image(ctx, former.Image)
	if err != nil || there && got.Config == former.Config {
		return err
	}
	return r.stage(ctx, *former.Pinned, emit)
}

// manual is how a person brings back what ran before.
func manual(spec workload.Spec, change workload.Change, before State) string {
	ns := spec.Ref.Scope()
	var lines []string
	if sync := spec.Kubernetes.Sync; sync != nil && before.Sync != nil {
		for _, key := range sync.Keys() {
			lines = append(lines, fmt.Sprintf("# in %s: put back the former value of %s", objectOf(spec, key), key))
		}
	}
	for _, former := range before.Deployments {
		lines = append(lines,
			fmt.Sprintf("# %s ran %s; if its revision is that of change %s:", former.Name, former.Image, change.ID),
			plain.Command("kubectl", "-n", ns, "rollout", "history", "deployment/"+former.Name),
			plain.Command("kubectl", "-n", ns, "rollout", "undo", "deployment/"+former.Name))
	}
	lines = append(lines, plain.Command("kubectl", "-n", ns, "get", "deployments,pods"))
	return strings.Join(lines, "\n") + "\n"
}
