package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
)

const (
	// settling is how long a write may still land after the API server answered that it
	// failed inside: its store may end what its client gave up.
	settling = 3 * time.Second
	// between is the pause between two looks at what became of a write.
	between = 500 * time.Millisecond
)

// write is a guarded patch of an object.
type write struct {
	to      rights.Right // verb patch
	version string
	patch   []operation
	// applied reports whether an object bears the patch.
	applied func(raw []byte) bool
	// private keeps the API server's words out of errors: they may quote a value.
	private bool
}

// write sends the patch once and returns the object. If the reply is lost, the object is
// read until it bears the patch, or until the patch cannot land any more.
func (c *Cluster) write(ctx context.Context, w write) ([]byte, error) {
	body, err := encode(append([]operation{at(w.version)}, w.patch...))
	if err != nil {
		return nil, err
	}
	latest := time.Now().Add(c.within + time.Second)
	raw, err := c.do(ctx, request{right: w.to, body: body, within: c.within})
	switch status := code(err); {
	case err == nil:
		return raw, nil
	case unsent(err), status == http.StatusTooManyRequests:
		return nil, c.explain(ctx, w.to, err)
	case status == 0, apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return c.readBack(ctx, w, latest, err)
	case status >= http.StatusInternalServerError:
		return c.readBack(ctx, w, time.Now().Add(settling), err)
	default:
		return nil, c.refused(ctx, w, err)
	}
}

// readBack looks what became of a write whose reply was lost. The caller's end does not
// end it: a caller must know what it did.
func (c *Cluster) readBack(ctx context.Context, w write, latest time.Time, lost error) ([]byte, error) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), latest.Add(readWithin))
	defer cancel()
	get := w.to
	get.Verb = "get"
	for {
		raw, err := c.do(ctx, request{right: get})
		over := time.Now().After(latest)
		switch {
		case err == nil && w.applied(raw):
			return raw, nil
		case err == nil && (over || version(raw) != w.version): // the guard refuses it from now on
			return nil, c.unapplied(w, lost)
		case over:
			return nil, fault.Transient(fault.KubernetesUnavailable,
				"the answer to a change of %s %s was lost, and whether it was made is not known: %s", kind(w.to), object(w.to), message(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
	}
}

// unapplied is about a write that failed inside the API server, or on the way to it.
func (c *Cluster) unapplied(w write, lost error) error {
	why := message(lost)
	if w.private {
		why = "its words may quote a value and are not shown"
	}
	if apierrors.IsInternalError(lost) { // also if a webhook cannot be called
		return fault.Transient(fault.RolloutFailed, "the cluster could not take the change of %s %s, which is as it was: %s", kind(w.to), object(w.to), why)
	}
	return fault.Transient(fault.KubernetesUnavailable, "the answer to a change of %s %s was lost; the change was not made: %s", kind(w.to), object(w.to), why)
}

// refused explains an answer that is a refusal. A patch for another version than the
// present may be refused because its paths are gone, before versions are compared.
func (c *Cluster) refused(ctx context.Context, w write, err error) error {
	get := w.to
	get.Verb = "get"
	why := message(err)
	if w.private {
		why = "its words may quote a value and are not shown"
	}
	switch {
	case apierrors.IsConflict(err):
		return stale(w.to)
	case apierrors.IsUnauthorized(err), apierrors.IsNotFound(err):
		return c.explain(ctx, w.to, err)
	case apierrors.IsForbidden(err): // of the account, or of the change: a quota or a webhook
		if allowed, e := c.may(ctx, w.to); e != nil || !allowed {
			return c.explain(ctx, w.to, err)
		}
	default:
		if raw, e := c.do(ctx, request{right: get}); e == nil && version(raw) != w.version {
			return stale(w.to)
		}
	}
	return fault.New(fault.RolloutFailed, "the cluster refuses the change of %s %s: %s", kind(w.to), object(w.to), why)
}

// version returns the resource version of an object.
func version(raw []byte) string {
	var o struct{ Metadata metav1.ObjectMeta }
	_ = json.Unmarshal(raw, &o)
	return o.Metadata.ResourceVersion
}

// keys returns the names of a map.
func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// become returns the operations that set the keys of a map in an object, and remove
// those of the present keys that it lacks. An object without such a map gets it.
func become(path string, exists bool, present []string, to map[string]string) (patch []operation) {
	if !exists {
		patch = append(patch, operation{Op: "add", Path: path, Value: map[string]string{}})
	}
	for _, key := range keys(to) {
		patch = append(patch, operation{Op: "add", Path: path + "/" + escape(key), Value: to[key]})
	}
	for _, key := range present {
		if _, ok := to[key]; !ok {
			patch = append(patch, operation{Op: "remove", Path: path + "/" + escape(key)})
		}
	}
	return patch
}

// escape writes a key as part of a JSON pointer, RFC 6901.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// same reports whether two JSON texts have the same meaning.
func same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
