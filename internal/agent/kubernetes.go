package agent

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Kubernetes is this host's cluster, and what of it may be switched. No message sets
// any of that.
type Kubernetes struct {
	// Server is the API server's URL.
	Server string `yaml:"server"`
	// CA is the file of the certificates that sign the API server's.
	CA string `yaml:"ca"`
	// Token is the file of the agent's own token, which the agent renews.
	Token string `yaml:"token"`
	// Kubeconfig is used in the place of the other three if it is set.
	Kubeconfig string `yaml:"kubeconfig"`
	// AllowAdmin permits an account that may do everything in the cluster.
	AllowAdmin bool `yaml:"allowAdmin"`
	// Containerd is the socket of the cluster's container runtime.
	Containerd string `yaml:"containerd"`
	// Namespaces are those of which something may be observed and switched.
	Namespaces map[string]Namespace `yaml:"namespaces"`
}

// Namespace is what of a namespace may be observed and switched.
type Namespace struct {
	Services placement.Namespace `yaml:"services"`
}

// The address and the files of k3s that the agent needs, and the file of the agent's token.
const (
	defaultServer     = "https://127.0.0.1:6443"
	defaultCA         = "/var/lib/rancher/k3s/server/tls/server-ca.crt"
	defaultContainerd = "/run/k3s/containerd/containerd.sock"
	tokenFile         = "kubernetes-token"
)

// complete fills in what k3s has by default.
func (k *Kubernetes) complete(state string) {
	if k.Kubeconfig == "" {
		for value, otherwise := range map[*string]string{&k.Server: defaultServer, &k.CA: defaultCA, &k.Token: filepath.Join(state, tokenFile)} {
			if *value == "" {
				*value = otherwise
			}
		}
	}
	if k.Containerd == "" {
		k.Containerd = defaultContainerd
	}
}

// specs are the placed workloads, in the order of their names.
func (k Kubernetes) specs() (specs []workload.Spec, err error) {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(k.Namespaces)) {
		placed, err := k.Namespaces[name].Services.Specs(name)
		specs, errs = append(specs, placed...), append(errs, err)
	}
	return specs, errors.Join(errs...)
}

// validateKubernetes reports every fault of the cluster.
func (c Config) validateKubernetes() error {
	k := c.Kubernetes
	if k == nil {
		return nil
	}
	var errs []error
	if c.Version != version {
		errs = append(errs, fmt.Errorf("kubernetes: needs version %d of this file", version))
	}
	if c.Registry == "" {
		errs = append(errs, errors.New("kubernetes: needs registry, too: images are pulled from there"))
	}
	if k.Kubeconfig != "" && (k.Server != "" || k.CA != "" || k.Token != "") {
		errs = append(errs, errors.New("kubernetes: kubeconfig goes without server, ca and token"))
	}
	if u, err := url.Parse(k.Server); k.Kubeconfig == "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		errs = append(errs, fmt.Errorf("kubernetes.server: %q is not of the form https://127.0.0.1:6443", k.Server))
	}
	for _, p := range []struct{ key, value string }{{"ca", k.CA}, {"token", k.Token}, {"kubeconfig", k.Kubeconfig}, {"containerd", k.Containerd}} {
		if p.value != "" && !filepath.IsAbs(p.value) {
			errs = append(errs, fmt.Errorf("kubernetes.%s: %q is not an absolute path", p.key, p.value))
		}
	}
	if len(k.Namespaces) == 0 {
		errs = append(errs, errors.New("kubernetes.namespaces: none, so that nothing could be switched"))
	}
	for _, name := range slices.Sorted(maps.Keys(k.Namespaces)) {
		if len(k.Namespaces[name].Services) == 0 {
			errs = append(errs, fmt.Errorf("kubernetes.namespaces.%s.services: none", name))
		}
	}
	_, err := k.specs()
	return errors.Join(append(errs, err)...)
}
