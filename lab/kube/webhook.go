package kube

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Webhook is an admission webhook that is asked about a single Deployment and its pods. It is a TLS server in the test's own process that
// listens on the host's loopback. It is not asked about any other Deployment.
type Webhook struct {
	cluster         *Cluster
	namespace, name string
	server          *http.Server
	probes          atomic.Int64

	mu     sync.Mutex
	answer func(Review) Verdict
}

// Review is what the API server asks about.
type Review struct {
	// Kind is Deployment or Pod. A Pod is asked about when it is made, a Deployment when it is changed.
	Kind string
	// User is the account that asks for it.
	User string
}

// Verdict is what the webhook answers. The zero value lets everything pass as it is.
type Verdict struct {
	// Refuse is the reason of a refusal; "" refuses nothing.
	Refuse string
	// Patch is a JSON patch of the object, RFC 6902.
	Patch string
}

// Webhook registers a webhook for the Deployment that has this name, and for pods that have it as their label app. It returns once the
// API server asks it. It lets everything pass until [Webhook.Answer].
func (k *Cluster) Webhook(ctx context.Context, namespace, name string) (_ *Webhook, err error) {
	w := &Webhook{cluster: k, namespace: namespace, name: name}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("register a webhook for %s/%s: %w", namespace, name, err), w.stop())
		}
	}()
	url, err := w.serve(ctx)
	if err != nil {
		return nil, err
	}
	config, err := w.config(url)
	if err != nil {
		return nil, err
	}
	if err := k.Apply(ctx, config); err != nil {
		return nil, err
	}
	return w, w.until(ctx, true)
}

// Answer sets what the webhook answers from now on; nil lets everything pass. It may be called for several requests at once.
func (w *Webhook) Answer(answer func(Review) Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// Close takes the webhook away, and returns once the API server does not ask it any more.
func (w *Webhook) Close(ctx context.Context) error {
	w.Answer(nil)
	if _, err := w.cluster.Kubectl(ctx, "delete", "mutatingwebhookconfiguration", w.host()); err != nil {
		return err
	}
	return errors.Join(w.until(ctx, false), w.stop())
}

func (w *Webhook) stop() error {
	if w.server == nil {
		return nil
	}
	return w.server.Close()
}

// host is the name of the webhook, and of its configuration.
func (w *Webhook) host() string { return w.name + "." + w.namespace + ".lab.test" }

func (w *Webhook) serve(ctx context.Context) (url string, err error) {
	cert, key, err := w.cluster.Papers.Serving("webhook", "127.0.0.1")
	if err != nil {
		return "", err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return "", err
	}
	listener, err := w.cluster.Host.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	w.server = &http.Server{Handler: w, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.server.ServeTLS(listener, "", "") }() // it ends with Close
	return fmt.Sprintf("https://%s/", listener.Addr()), nil
}

// config registers the webhook for a ConfigMap of that name, too: no test makes it, and until makes it in a dry run.
func (w *Webhook) config(url string) ([]byte, error) {
	rule := func(group, resource, operation string) map[string]any {
		return map[string]any{"apiGroups": []string{group}, "apiVersions": []string{"v1"}, "resources": []string{resource}, "operations": []string{operation}}
	}
	return json.Marshal(map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": map[string]any{"name": w.host()},
		"webhooks": []any{map[string]any{
			"name": w.host(), "sideEffects": "None", "admissionReviewVersions": []string{"v1"}, "timeoutSeconds": 30,
			"clientConfig":      map[string]any{"url": url, "caBundle": w.cluster.Papers.ServerCA()},
			"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": w.namespace}},
			"rules":             []any{rule("apps", "deployments", "UPDATE"), rule("", "pods", "CREATE"), rule("", "configmaps", "CREATE")},
			"matchConditions": []any{map[string]any{"name": "it-is-about-the-workload", "expression": fmt.Sprintf(
				`has(object.metadata.name) && object.metadata.name == %[1]q || has(object.metadata.labels) && 'app' in object.metadata.labels && object.metadata.labels['app'] == %[1]q`, w.name)}},
		}},
	})
}

// until waits until the API server asks the webhook, or until it asks no more: it learns of a configuration some time after the
// configuration is made.
func (w *Webhook) until(ctx context.Context, asked bool) error {
	return until(ctx, func() error {
		before := w.probes.Load()
		if _, err := w.cluster.Kubectl(ctx, "create", "configmap", w.name, "--namespace", w.namespace, "--dry-run=server"); err != nil {
			return err
		}
		if got := w.probes.Load() > before; got != asked {
			return fmt.Errorf("the API server asks the webhook: %t, want %t", got, asked)
		}
		return nil
	})
}

// ServeHTTP implements [http.Handler].
func (w *Webhook) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var review struct {
		Request struct {
			UID      string
			Kind     struct{ Kind string }
			UserInfo struct{ Username string }
		}
	}
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	said := map[string]any{"uid": review.Request.UID, "allowed": true}
	if review.Request.Kind.Kind == "ConfigMap" {
		w.probes.Add(1)
	} else if v := w.decide(Review{Kind: review.Request.Kind.Kind, User: review.Request.UserInfo.Username}); v.Refuse != "" {
		said["allowed"], said["status"] = false, map[string]any{"code": http.StatusForbidden, "message": v.Refuse}
	} else if v.Patch != "" {
		said["patchType"], said["patch"] = "JSONPatch", base64.StdEncoding.EncodeToString([]byte(v.Patch))
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": said}) // it fails if the API server has gone
}

func (w *Webhook) decide(r Review) Verdict {
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	if answer == nil {
		return Verdict{}
	}
	return answer(r)
}
