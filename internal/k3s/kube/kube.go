// Package kube is the agent's edge to the Kubernetes API server: what is known of a
// workload's Deployments, and single acts on them. No other package imports client-go
// or k8s.io. It holds no rule about the order of a rollout and judges nothing.
//
// The danger is in the writes. Each is a single patch that names the resource version
// that the caller saw, and is sent once: if the reply is lost, the object is read back.
// A patch names a time by which the API server gives it up, and the read-back lasts
// until then, so that no patch lands after the caller got the error that it did not.
// Values of Secrets are in no error and no log; output of containers is, and the caller
// scrubs it.
//
// Files, from the top: kube, access, rights, neighbours, watch, ask, config, stamp,
// write, deployments, definition, manager, pods, faults, request, token, transport.
package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	apiversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
)

// Config is how the API server is reached.
type Config struct {
	// Server is the API server's URL, for example "https://127.0.0.1:6443".
	Server string
	// CAFile holds the certificates that sign the API server's.
	CAFile string
	// TokenFile holds the token of the agent's ServiceAccount. [Cluster.RenewToken]
	// rewrites it; a file that another program rewrites is read anew.
	TokenFile string
	// Kubeconfig is read in the place of the other three if it is set. Its credentials
	// are not renewed.
	Kubeconfig string
}

const (
	// readWithin bounds a read, writeWithin a write, on both ends.
	readWithin  = 10 * time.Second
	writeWithin = 20 * time.Second
	// perSecond and burst bound the requests.
	perSecond, burst = 20, 60
)

// Cluster is a Kubernetes cluster. It may be used concurrently.
type Cluster struct {
	client *rest.RESTClient
	server string
	token  *tokenFile // nil with a kubeconfig
	// within bounds a write; poll and backoff pace a watch.
	within, poll, backoff time.Duration
}

// New returns the cluster. Nothing is asked of it yet. New fails with CONFIG_INVALID if a
// file cannot be read or does not hold what it should.
func New(c Config) (*Cluster, error) {
	config, tokens, err := c.load()
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = perSecond, burst
	config.UserAgent = "unidesk-agent"
	config.WarningHandler = rest.NoWarnings{}
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &transport{next: next, token: tokens} })
	meta := runtime.NewScheme()
	metav1.AddToGroupVersion(meta, schema.GroupVersion{Version: "v1"})
	if err := metav1.AddMetaToScheme(meta); err != nil {
		return nil, fault.New(fault.Internal, "%w", err)
	}
	config.ContentType = runtime.ContentTypeJSON
	config.GroupVersion = &schema.GroupVersion{Version: "v1"}
	config.NegotiatedSerializer = serializer.NewCodecFactory(meta).WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "Kubernetes API server: %w", err)
	}
	// A redirect would take the token elsewhere.
	client.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Cluster{
		client: client, server: config.Host, token: tokens,
		within: writeWithin, poll: 3 * time.Second, backoff: time.Second,
	}, nil
}

func (c Config) load() (*rest.Config, *tokenFile, error) {
	if c.Kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
		if err != nil {
			return nil, nil, fault.New(fault.ConfigInvalid, "kubeconfig %s: %w", c.Kubeconfig, err)
		}
		return config, nil, nil
	}
	if u, err := url.Parse(c.Server); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, nil, fault.New(fault.ConfigInvalid, "%.200q is not the URL of an API server; give it as https://127.0.0.1:6443", c.Server)
	}
	tokens := &tokenFile{path: c.TokenFile}
	if _, err := tokens.read(); err != nil {
		return nil, nil, err
	}
	return &rest.Config{Host: c.Server, TLSClientConfig: rest.TLSClientConfig{CAFile: c.CAFile}}, tokens, nil
}

// Close closes connections that nothing uses.
func (c *Cluster) Close() { c.client.Client.CloseIdleConnections() }

// Version returns the API server's version, for example "v1.34.4+k3s1".
func (c *Cluster) Version(ctx context.Context) (string, error) {
	raw, err := c.do(ctx, request{path: "/version"})
	if err != nil {
		return "", c.explain(ctx, rights.Right{Verb: "get", Resource: "version"}, err)
	}
	var info apiversion.Info
	if err := json.Unmarshal(raw, &info); err != nil {
		return "", fault.New(fault.KubernetesUnavailable, "%s does not answer as an API server does", c.server)
	}
	return words(info.GitVersion), nil
}
