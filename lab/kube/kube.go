// Package kube makes a Kubernetes node of a running lab host, with k3s's paths: what the product meets on D601. It is upstream's
// etcd, API server, controller manager, scheduler and kubelet of the version that k3s has, and a containerd of their own beside
// Docker's. Each is a systemd unit of the host, so that a test stops and starts it as an administrator would. They come back after
// [hosts.Host.Cut] and [hosts.Host.Boot].
//
// It is not k3s: that is a single process, and has kube-proxy, CoreDNS and more beside. A Service's own address answers nothing here; the API
// server's proxy reaches its endpoints.
//
// It needs what `lab/tools/build.sh kubernetes` builds. It is test support: the product never imports it.
//
// Files, from the top: kube.go (bring it up), ask.go (what a test does with it), webhook.go (an admission webhook), sample.go (the
// sample's Deployments), registry.go (the loopback registry), lay.go (what is put on the host), config.go (configuration files), unit.go (units).
package kube

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// Paths on the host, as k3s has them.
const (
	// Kubeconfig is the administrator's, for root alone.
	Kubeconfig = "/etc/rancher/k3s/k3s.yaml"
	// Socket is containerd's, and the CRI's.
	Socket = "/run/k3s/containerd/containerd.sock"
	// ContainerdRoot is where containerd keeps images and snapshots.
	ContainerdRoot = "/var/lib/rancher/k3s/agent/containerd"
	// KubeletConfig is the kubelet's configuration file.
	KubeletConfig = "/var/lib/rancher/k3s/agent/etc/kubelet.conf"
	// PauseImage holds each pod's namespaces. It is made on the host, and pinned.
	PauseImage = "docker.io/rancher/mirrored-pause:3.6"
	// Port is the API server's.
	Port = 6443
)

// Namespaces are made when the cluster comes up.
func Namespaces() []string { return []string{"unidesk", "unidesk-dev"} }

// upTime bounds the start on a slow and busy machine, beside the caller's context.
const upTime = 5 * time.Minute

// Config describes the cluster. The zero value is usable.
type Config struct {
	// Programs is the folder of the programs; empty means where lab/tools/build.sh leaves them.
	Programs string
	// Kubelet are fields of the KubeletConfiguration that replace the lab's own, such as imageGCHighThresholdPercent.
	Kubelet map[string]any
	// Log gets a line for each step; nil drops them.
	Log io.Writer
}

// Cluster is Kubernetes on a host.
type Cluster struct {
	Host *hosts.Host
	// Papers signs further clients in.
	Papers *apiserver.Papers

	programs string // on this machine
	kubelet  map[string]any
	log      io.Writer
}

// Up returns once the node is ready, the namespaces are there, and pods can be made in them. A host can have it once. On an error the
// units that did start are left running, for their journal to be read; they end with the host.
func Up(ctx context.Context, host *hosts.Host, c Config) (_ *Cluster, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, upTime, fmt.Errorf("it is not up after %s", upTime))
	defer cancel()
	defer func() {
		if err != nil {
			err = fmt.Errorf("bring Kubernetes up on %s: %w", host.Name, err)
		}
	}()
	if c.Log == nil {
		c.Log = io.Discard
	}
	if c.Programs == "" {
		if c.Programs, err = apiserver.Programs(); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	k := &Cluster{Host: host, programs: c.Programs, kubelet: c.Kubelet, log: c.Log}
	if k.Papers, err = apiserver.NewPapers(Port, host.Name, host.Addr.String()); err != nil {
		return nil, err
	}
	if err := k.lay(ctx); err != nil {
		return nil, err
	}
	k.say("laid out", began)
	if err := k.start(ctx); err != nil {
		return nil, err
	}
	k.say("up", began)
	return k, nil
}

func (k *Cluster) say(what string, began time.Time) {
	fmt.Fprintf(k.log, "lab: Kubernetes on %s is %s after %s\n", k.Host.Name, what, time.Since(began).Round(100*time.Millisecond))
}

// start starts the units in their order, each once what it needs answers.
func (k *Cluster) start(ctx context.Context) error {
	if err := k.systemctl(ctx, append([]string{"enable", "--quiet"}, Units()...)...); err != nil {
		return err
	}
	if err := k.Start(ctx, Containerd, Etcd, APIServer); err != nil {
		return err
	}
	if err := k.importPause(ctx); err != nil {
		return err
	}
	if err := k.WaitAPI(ctx); err != nil {
		return err
	}
	if err := k.Start(ctx, ControllerManager, Scheduler, Kubelet); err != nil {
		return err
	}
	if err := k.Apply(ctx, foundations()); err != nil {
		return err
	}
	// The node registers itself, and a pod needs its namespace's ServiceAccount.
	if err := k.Wait(ctx, "", "node/"+k.Host.Name, "create"); err != nil {
		return err
	}
	if err := k.Wait(ctx, "", "node/"+k.Host.Name, "condition=Ready"); err != nil {
		return err
	}
	for _, namespace := range Namespaces() {
		if err := k.Wait(ctx, namespace, "serviceaccount/default", "create"); err != nil {
			return err
		}
	}
	return nil
}

// SetKubelet writes the kubelet's configuration with other fields than those that the cluster came up with, and restarts it.
func (k *Cluster) SetKubelet(ctx context.Context, fields map[string]any) error {
	k.kubelet = fields
	content, err := kubeletConfig(fields)
	if err != nil {
		return err
	}
	if err := k.Host.WriteFile(ctx, KubeletConfig, content, 0o600); err != nil {
		return err
	}
	return k.Restart(ctx, Kubelet)
}
