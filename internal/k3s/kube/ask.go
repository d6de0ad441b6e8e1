package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// maxTail bounds the output of a container that is returned.
const maxTail = 1 << 20

// Logs returns the end of a container's output, each line after its time: of its run before
// if previous is set. It may hold secrets, and a second more than was asked for.
func (c *Cluster) Logs(ctx context.Context, namespace, pod, container string, tail workload.Tail, previous bool) ([]byte, error) {
	right := rights.PodLog(namespace, pod)
	query := map[string]string{
		"container": container, "tailLines": strconv.Itoa(tail.Lines), "limitBytes": strconv.Itoa(maxTail), "previous": strconv.FormatBool(previous), "timestamps": "true",
	}
	if !tail.After.IsZero() {
		query["sinceTime"] = tail.After.UTC().Format(time.RFC3339) // whole seconds
	}
	raw, err := c.do(ctx, request{right: right, limit: maxTail + 1, query: query})
	if err != nil {
		return nil, c.explain(ctx, right, err)
	}
	if len(raw) >= maxTail { // cut in a line, whose rest comes with the next request
		raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	}
	return raw, nil
}

// Answer is what a Service answered.
type Answer struct {
	// Status is HTTP's, 0 if no pod answered.
	Status int
	Body   []byte
	// Unreached is why no pod answered, in the API server's words.
	Unreached string
}

// Ask sends GET to a Service through the API server's proxy. The path is a health path. No
// redirect is followed. A Service that no pod answers for is an Answer; an error means that
// the API server itself does not answer, refuses, or that the answer is larger than limit.
func (c *Cluster) Ask(ctx context.Context, namespace, service string, probe workload.Probe, limit int64) (Answer, error) {
	if !workload.HealthPath.Match(probe.Path) {
		return Answer{}, fault.New(fault.InvalidRequest, "%.80q is not a %s: %s", probe.Path, workload.HealthPath, workload.HealthPath.Want())
	}
	right := rights.Proxy(namespace, service, probe.Port)
	ctx, cancel := context.WithTimeout(limited(ctx, limit), readWithin)
	defer cancel()
	// Not by the client's own call, which knows no answer but the API server's.
	at := c.build(request{right: right, path: path(right) + probe.Path}).URL().String()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return Answer{}, fault.New(fault.InvalidRequest, "%w", err)
	}
	r.Header.Set("Accept", "application/json, */*")
	resp, err := c.client.Client.Do(r)
	if err != nil {
		return Answer{}, c.explain(ctx, right, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, c.explain(ctx, right, err)
	}
	own := metav1.Status{}
	if resp.StatusCode < http.StatusBadRequest || json.Unmarshal(body, &own) != nil || own.Kind != "Status" || own.APIVersion != "v1" {
		return Answer{Status: resp.StatusCode, Body: body}, nil
	}
	if own.Reason == metav1.StatusReasonServiceUnavailable { // no endpoint, or none that can be dialled
		return Answer{Unreached: words(own.Message)}, nil
	}
	return Answer{}, c.explain(ctx, right, apierrors.FromObject(&own))
}
