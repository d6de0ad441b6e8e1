package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	urlpath "path"
	"slices"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
)

// versions are those of the API groups that are asked. All are stable.
func versions(group string) string {
	if group == "autoscaling" {
		return "v2"
	}
	return "v1"
}

// request is a request, sent once. Its right names what it reads or changes.
type request struct {
	right rights.Right
	// path is used in the place of the right's own.
	path  string
	query map[string]string
	body  []byte
	// within bounds the request, 0 for [readWithin].
	within time.Duration
	// limit bounds the answer, 0 for [maxAnswer].
	limit int64
}

// build returns the request for the client. The client sends nothing twice by itself.
func (c *Cluster) build(q request) *rest.Request {
	method, kind := http.MethodGet, ""
	switch q.right.Verb {
	case "create":
		method, kind = http.MethodPost, "application/json"
	case "patch":
		method, kind = http.MethodPatch, "application/json-patch+json"
	}
	r := c.client.Verb(method).AbsPath(cmp.Or(q.path, path(q.right))).MaxRetries(0)
	for _, k := range slices.Sorted(maps.Keys(q.query)) {
		r = r.Param(k, q.query[k])
	}
	if kind != "" {
		r = r.SetHeader("Content-Type", kind).Body(q.body)
	}
	return r
}

// do sends the request and returns the body of the answer. Its error is the client's, but
// KUBERNETES_UNAVAILABLE of an API server that starts: it refuses all until it has the rights.
func (c *Cluster) do(ctx context.Context, q request) ([]byte, error) {
	raw, err := c.send(ctx, q)
	if !apierrors.IsForbidden(err) {
		return raw, err
	}
	if _, unready := c.send(ctx, request{path: "/readyz"}); unready != nil { // every account may read this path
		return nil, fault.Transient(fault.KubernetesUnavailable, "the Kubernetes API server refuses (%s), and is not ready: %s", q.right, message(unready))
	}
	if q.body != nil {
		return raw, err
	}
	return c.send(ctx, q) // it may have become ready in between
}

func (c *Cluster) send(ctx context.Context, q request) ([]byte, error) {
	ctx = limited(quiet(ctx), cmp.Or(q.limit, maxAnswer))
	result := c.build(q).Timeout(cmp.Or(q.within, readWithin)).Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// quiet keeps the client from writing to a log of its own.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, logr.Discard()) }

// path returns where the API server serves what the right is about.
func path(r rights.Right) string {
	at := "/api/v1"
	if r.Group != "" {
		at = urlpath.Join("/apis", r.Group, versions(r.Group))
	}
	if r.Namespace != "" {
		at = urlpath.Join(at, "namespaces", r.Namespace)
	}
	return urlpath.Join(at, r.Resource, r.Name, r.Subresource)
}

// read reads an object into v and returns its bytes.
func (c *Cluster) read(ctx context.Context, right rights.Right, v any) ([]byte, error) {
	raw, err := c.do(ctx, request{right: right})
	if err != nil {
		return nil, c.explain(ctx, right, err)
	}
	return raw, c.decode(raw, right, v)
}

// create posts an object that nothing stores, and reads the answer into it.
func (c *Cluster) create(ctx context.Context, right rights.Right, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fault.New(fault.Internal, "%w", err)
	}
	raw, err := c.do(ctx, request{right: right, body: body})
	if err != nil {
		return c.explain(ctx, right, err)
	}
	return c.decode(raw, right, v)
}

func (c *Cluster) decode(raw []byte, right rights.Right, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fault.New(fault.KubernetesUnavailable, "%s: the API server answers with something else", right)
	}
	return nil
}

// pageSize is how many objects a page of a list has.
const pageSize = 100

// each lists objects page by page, so that a large namespace takes the memory of a
// page. The selector is for labels, "" for none.
func each[T any](ctx context.Context, c *Cluster, right rights.Right, selector string, f func(T)) error {
	query := map[string]string{"limit": strconv.Itoa(pageSize)}
	if selector != "" {
		query["labelSelector"] = selector
	}
	for {
		raw, err := c.do(ctx, request{right: right, query: query})
		if err != nil {
			return c.explain(ctx, right, err)
		}
		var page struct {
			Metadata metav1.ListMeta
			Items    []T
		}
		if err := c.decode(raw, right, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			f(item)
		}
		if page.Metadata.Continue == "" {
			return nil
		}
		query["continue"] = page.Metadata.Continue
	}
}

// operation is an operation of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// at guards a patch: the API server refuses it with a conflict if the object has another
// resource version.
func at(version string) operation {
	return operation{Op: "replace", Path: "/metadata/resourceVersion", Value: version}
}

// encode returns the patch.
func encode(patch []operation) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(patch); err != nil {
		return nil, fault.New(fault.Internal, "%w", err)
	}
	return b.Bytes(), nil
}
