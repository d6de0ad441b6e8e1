//go:build integration

package kube_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// serveHook serves an admission webhook on loopback, with a certificate of the cluster's
// authority, and returns its URL.
func serveHook(t *testing.T, answer func(request object) object) string {
	t.Helper()
	cert, key, err := server.Papers.Serving("hook", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review object
		_ = json.NewDecoder(r.Body).Decode(&review)
		request := review["request"].(object)
		response := answer(request)
		response["uid"] = request["uid"]
		reply(w, http.StatusOK, object{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://127.0.0.1:" + port + "/"
}

func deleteHook(t *testing.T, path string) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, server.URL+path, nil)
	if err != nil {
		t.Error(err)
		return
	}
	resp, err := server.Client.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	_ = resp.Body.Close()
}

// untilRefused stamps change after change until a webhook, which begins some time after
// it was made, refuses a change.
func untilRefused(t *testing.T, c *kube.Cluster, spec workload.Spec) (change string, err error) {
	t.Helper()
	tries := 0
	until(t, "the webhook is asked", func() bool {
		tries++
		change = fmt.Sprintf("c%d", tries)
		_, err = c.Stamp(t.Context(), look(t, c, spec), stampOf(change))
		return err != nil && fault.ReasonOf(err) != fault.Stale
	})
	return change, err
}

func TestAWebhookThatRefusesTheChangeIsQuoted(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, nil)
	settled(t, c, spec)
	hook(t, ns, "validating", "deployments", "UPDATE", func(object) object {
		return object{"allowed": false, "status": object{"code": 403, "message": "images of Tuesday \x1b[31m only"}}
	})
	change, err := untilRefused(t, c, spec)
	if fault.ReasonOf(err) != fault.RolloutFailed || !strings.Contains(err.Error(), "images of Tuesday ?[31m only") || fault.Retryable(err) {
		t.Errorf("the error is %v", err)
	}
	if d := look(t, c, spec); d.Change == change {
		t.Error("the change was made")
	}
}

func TestAWebhookThatCannotBeCalledIsNoLostReply(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, nil)
	settled(t, c, spec)
	hookAt(t, ns, "validating", "deployments", "UPDATE", object{"url": "https://127.0.0.1:1/"})
	_, err := untilRefused(t, c, spec)
	if fault.ReasonOf(err) != fault.RolloutFailed || !fault.Retryable(err) || !strings.Contains(err.Error(), "hook.unidesk.dev") {
		t.Errorf("the error is %v", err)
	}
}

func TestAWebhookThatRefusesPodsIsTrouble(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	hook(t, ns, "validating", "pods", "CREATE", func(object) object {
		return object{"allowed": false, "status": object{"message": "no pods on Tuesday"}}
	})
	create(t, deploymentsAt(ns), manifest("web", nil))
	c := agent(t, spec)
	until(t, "the condition", func() bool {
		return strings.Contains(look(t, c, spec).Definition.Trouble, "no pods on Tuesday")
	})
}

func TestAQuotaThatRefusesPodsIsTrouble(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	create(t, "/api/v1/namespaces/"+ns+"/resourcequotas", object{"metadata": object{"name": "few"}, "spec": object{"hard": object{"pods": "1"}}})
	create(t, deploymentsAt(ns), manifest("web", nil))
	c := agent(t, spec)
	until(t, "the condition", func() bool {
		return strings.Contains(look(t, c, spec).Definition.Trouble, "exceeded quota: few")
	})
}

// elsewhere is the image that a webhook writes into a Deployment.
const elsewhere = "mirror.example/web:new"

// rewritten has a webhook write the image of each change of a Deployment, and returns once
// the API server asks it.
func rewritten(t *testing.T, ns string, c *kube.Cluster, spec workload.Spec) {
	t.Helper()
	hook(t, ns, "mutating", "deployments", "UPDATE", func(object) object {
		patch := `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"` + elsewhere + `"}]`
		return object{"allowed": true, "patchType": "JSONPatch", "patch": base64.StdEncoding.EncodeToString([]byte(patch))}
	})
	until(t, "the webhook is asked", func() bool {
		// Status updates of the controllers are not asked about, so only a probe shows
		// it.
		edit(t, deploymentsAt(ns)+"/web", object{"metadata": object{"labels": object{"probe": "x"}}})
		return look(t, c, spec).Definition.Image == elsewhere
	})
}

func TestAWebhookThatRewritesTheImageIsSeen(t *testing.T) {
	t.Parallel()
	ns, spec, c := deployed(t, nil)
	settled(t, c, spec)
	rewritten(t, ns, c, spec)
	var image string
	until(t, "a stamp", func() bool {
		d, err := c.Stamp(t.Context(), look(t, c, spec), stampOf("c1"))
		image = d.Definition.Image
		return err == nil
	})
	if image != elsewhere {
		t.Errorf("the image is %s", image)
	}
}
