package kube

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
)

const (
	// watched is how long a watch lasts before the next begins.
	watched = 5 * time.Minute
	// apart is the least time between two calls of what a watch wakes.
	apart = 200 * time.Millisecond
	// maxBackoff is the longest pause before a watch is retried.
	maxBackoff = 30 * time.Second
	// onlyMetadata makes the API server leave out all of an object but its metadata.
	onlyMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
)

// Watch calls wake when any of the Deployments, or a pod of any, may have changed, and
// every few seconds in any case, until ctx ends; never twice at a time. A watch names
// no resource version: it begins with the present objects, so a new watch misses
// nothing and no version can be too old for it. If the account may not watch, or the
// API server does not answer, the regular calls remain.
func (c *Cluster) Watch(ctx context.Context, namespace string, names []string, wake func()) {
	notice := make(chan struct{}, 1)
	notify := func() {
		select {
		case notice <- struct{}{}:
		default: // a call is due already
		}
	}
	var followers sync.WaitGroup
	defer followers.Wait()
	for _, name := range names {
		followers.Go(func() {
			query := map[string]string{"fieldSelector": "metadata.name=" + name}
			right := rights.Deployment("watch", namespace, "") // by the selector, which RBAC takes for the name
			c.follow(ctx, right, query, func(*metav1.PartialObjectMetadata) { notify() })
		})
	}
	followers.Go(func() {
		c.follow(ctx, rights.Pods("watch", namespace), nil, func(pod *metav1.PartialObjectMetadata) {
			if owner := metav1.GetControllerOf(pod); owner != nil && ofAny(owner.Name, names) {
				notify()
			}
		})
	})
	for ctx.Err() == nil {
		wake()
		select {
		case <-ctx.Done():
		case <-time.After(apart):
		}
		select {
		case <-ctx.Done():
		case <-notice:
		case <-time.After(c.poll):
		}
	}
}

// ofAny reports whether a Deployment of these names may have made a ReplicaSet of this
// name.
func ofAny(replicaSet string, names []string) bool {
	for _, name := range names {
		if strings.HasPrefix(replicaSet, name+"-") {
			return true
		}
	}
	return false
}

// follow watches until ctx ends, and begins again whenever a watch ends.
func (c *Cluster) follow(ctx context.Context, right rights.Right, query map[string]string, seen func(*metav1.PartialObjectMetadata)) {
	pause := c.backoff
	for ctx.Err() == nil {
		if c.stream(ctx, right, query, seen) {
			pause = c.backoff
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxBackoff)
	}
}

// stream reads a single watch to its end. It reports whether there was an event.
func (c *Cluster) stream(ctx context.Context, right rights.Right, query map[string]string, seen func(*metav1.PartialObjectMetadata)) (any bool) {
	r := c.build(request{right: right, query: query}).SetHeader("Accept", onlyMetadata).
		Param("watch", "true").Param("timeoutSeconds", strconv.Itoa(int(watched/time.Second)))
	w, err := r.Watch(limited(quiet(ctx), -1))
	if err != nil {
		return false
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return any
		}
		if object, ok := event.Object.(*metav1.PartialObjectMetadata); ok {
			any = true
			seen(object)
		}
	}
	return any
}
