// Package k3s switches workloads of Kubernetes: the Deployments that the host's
// configuration places, all of them or none. It is a [confirm.Runtime]: it remembers
// nothing, and each of its acts may find the last act half done.
//
// It knows by three marks how far a change is: each pod template, the values of the
// synced keys, and what the pods run. It reads them before each act. So a lost reply, a
// killed agent and a second try come to the same end.
//
// The danger is another writer: a person with kubectl, an operator, a webhook. A template
// that is neither the former template nor what the change's patch makes of it is not
// touched, not even to revert the change, and neither is a synced key with another value
// than these two. The change's id in a template is not enough: an edit leaves it there.
//
// A rollout that cannot come to an end ends here at once, with the cluster's reason and
// the container's last words, scrubbed of all values that the pod was given.
//
// Files, from the top: k3s, stage, snapshot, apply, restore, sync, rollout, trouble,
// observe, mounts, output, basis.
package k3s

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Images is the node's image store; cri.Store implements it.
type Images interface {
	// Image returns an image by its name, its name by digest or its id; false if the store
	// does not have it.
	Image(ctx context.Context, name string) (cri.Image, bool, error)
	// Whole returns the image under the digest of the manifest; false if the store does not
	// have all of it.
	Whole(ctx context.Context, image artifact.Pinned) (cri.Image, bool, error)
	// Missing returns those of an image's layers that a pull fetches.
	Missing(ctx context.Context, layers []artifact.Layer) ([]artifact.Layer, error)
	// Pull makes sure that the store has the image, whole. It is judged by its Bytes whether
	// the disk takes it.
	Pull(ctx context.Context, image artifact.Pinned) error
	// Ref is the name of the commit's image.
	Ref(image artifact.Pinned) string
	// Name gives a pulled image its Ref, and pins it.
	Name(ctx context.Context, image artifact.Pinned) error
	// Release takes a name and its pin away, if Name gave it.
	Release(ctx context.Context, name string) error
	Room(ctx context.Context) (cri.Room, error)
}

// Cluster is the API server; kube.Cluster implements it. A write fails with STALE if
// the object has changed since it was read, and reports its effect even if the reply
// was lost.
type Cluster interface {
	// Deployments returns a workload's Deployments in the order of its placement.
	Deployments(ctx context.Context, spec workload.Spec) ([]kube.Deployment, error)
	// Stamp and Restore return the Deployment without its pods.
	Stamp(ctx context.Context, d kube.Deployment, s kube.Stamp) (kube.Deployment, error)
	Restore(ctx context.Context, d kube.Deployment, s kube.Stamp, to kube.Former) (kube.Deployment, error)
	// Bears reports whether the Deployment has the template that Stamp makes of the former.
	Bears(ctx context.Context, d kube.Deployment, s kube.Stamp, former json.RawMessage) (bool, error)
	Configuration(ctx context.Context, namespace string, sync workload.ConfigSync) (kube.Configuration, error)
	SetConfiguration(ctx context.Context, namespace string, sync workload.ConfigSync, at, to kube.Configuration) (kube.Configuration, error)
	// Watch calls wake now and whenever any of the Deployments may have changed, until
	// ctx ends.
	Watch(ctx context.Context, namespace string, names []string, wake func())
	Logs(ctx context.Context, namespace, pod, container string, tail workload.Tail, previous bool) ([]byte, error)
	Ask(ctx context.Context, namespace, service string, probe workload.Probe, limit int64) (kube.Answer, error)
	Neighbours(ctx context.Context, namespace string) ([]workload.Neighbour, error)
}

// Registry returns the layers of an image that its digests name. [stage.Images] has the
// same form.
type Registry interface {
	Pinned(ctx context.Context, image artifact.Pinned) (artifact.Image, error)
}

// Config names the workloads that there are.
type Config struct {
	// Workloads are those that may be observed and switched. A workload that is not
	// [workload.Spec.Placed] is refused.
	Workloads []workload.Spec
	// Platform is the node's.
	Platform artifact.Platform
	// Placing is what to do about a workload that is not placed, for people.
	Placing string
}

// Validate reports what is wrong with c.
func (c Config) Validate() error {
	for _, w := range c.Workloads {
		if w.Ref.Runtime() != workload.Kubernetes || w.Compose != nil || w.Kubernetes != nil && len(w.Kubernetes.Deployments) == 0 {
			return fault.New(fault.ConfigInvalid, "%s is not a workload of Kubernetes with Deployments", w.Ref)
		}
	}
	return nil
}

// Runtime is the workloads of a cluster whose only node is this host.
type Runtime struct {
	config   Config
	images   Images
	cluster  Cluster
	registry Registry
	limits   limits
}

// limits are how long things may take.
type limits struct {
	// grace is added to the longest time that a Deployment may make no progress, which
	// the cluster itself ends.
	grace time.Duration
	// schedule is how long a pod may find no node: an old pod that ends makes room.
	schedule time.Duration
	// retry is between two tries of what did not reach the API server, or lost a race
	// against the Deployment's own controller.
	retry time.Duration
}

// New returns the runtime. Nothing is asked of the cluster yet.
func New(c Config, images Images, cluster Cluster, registry Registry) (*Runtime, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Runtime{
		config: c, images: images, cluster: cluster, registry: registry,
		limits: limits{grace: time.Minute, schedule: 5 * time.Second, retry: time.Second},
	}, nil
}

// Placement implements [confirm.Runtime].
func (r *Runtime) Placement(ref workload.Ref) (workload.Spec, error) {
	for _, w := range r.config.Workloads {
		if w.Ref != ref {
			continue
		}
		if !w.Placed() {
			return workload.Spec{}, fault.New(fault.WorkloadUnfit, "the configuration of this host names %s and does not say which Deployments it is", ref).
				WithHint("%s", r.config.Placing)
		}
		return w, nil
	}
	return workload.Spec{}, fault.New(fault.WorkloadNotFound, "this host has placed no %s", ref)
}

// patiently does what may fail for a moment until it succeeds, fails for good, or ctx ends.
func (r *Runtime) patiently(ctx context.Context, do func() error) error {
	var silent error
	for {
		err := do()
		switch {
		case err != nil && silent != nil && ctx.Err() != nil:
			return over(ctx, silent)
		case err == nil || !passes(err):
			return err
		}
		silent = err
		select {
		case <-ctx.Done():
			return over(ctx, silent)
		case <-time.After(r.limits.retry):
		}
	}
}

// passes reports whether an error is that of an API server that does not answer now.
func passes(err error) bool {
	return fault.ReasonOf(err) == fault.KubernetesUnavailable && fault.Retryable(err)
}

// over is the error of what ctx ended: the last fault if the time is over, and else why
// the caller has given up.
func over(ctx context.Context, last error) error {
	if cause := context.Cause(ctx); last == nil || !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return last
}
