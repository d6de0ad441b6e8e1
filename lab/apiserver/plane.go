package apiserver

import (
	"fmt"
	"path/filepath"
)

const loopback = "127.0.0.1"

// The networks of a cluster, as k3s has them.
const (
	// PodNetwork is where pods have their addresses.
	PodNetwork = "10.42.0.0/16"
	// ServiceNetwork is where Services have theirs, which nothing here answers: there is no kube-proxy.
	ServiceNetwork = "10.43.0.0/16"
	// ServiceAccountIssuer is the iss of the tokens that the API server gives.
	ServiceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
)

// Plane is a control plane's command lines. All of it runs on the same machine.
type Plane struct {
	// Programs is the folder of the programs, Dir the folder that has [Papers.Files] and gets etcd's data.
	Programs, Dir string
	// Bind is the address that the API listens on, Advertise the address that it gives for the Service kubernetes; without
	// Advertise that Service has no endpoint.
	Bind, Advertise string
	// The ports of the API, and of etcd for its clients and its peers, of which it has none.
	Port, EtcdPort, PeerPort int
	// Kubelet is true if the API server will talk to a kubelet.
	Kubelet bool
}

func (p Plane) program(name string) string { return filepath.Join(p.Programs, name) }

func (p Plane) in(name string) string { return filepath.Join(p.Dir, name) }

func (p Plane) etcdURL() string { return fmt.Sprintf("http://%s:%d", loopback, p.EtcdPort) }

// Etcd keeps what the API server stores. It does not wait for the disk: what a killed process has written stays written, and
// the lab loses no power.
func (p Plane) Etcd() []string {
	peer := fmt.Sprintf("http://%s:%d", loopback, p.PeerPort)
	return []string{
		p.program("etcd"), "--name=default", "--data-dir=" + p.in("db/etcd"), "--log-level=warn", "--unsafe-no-fsync",
		"--listen-client-urls=" + p.etcdURL(), "--advertise-client-urls=" + p.etcdURL(),
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
	}
}

// APIServer authenticates every client, and RBAC authorizes it.
func (p Plane) APIServer() []string {
	argv := []string{
		p.program("kube-apiserver"), "--etcd-servers=" + p.etcdURL(),
		"--bind-address=" + p.Bind, fmt.Sprintf("--secure-port=%d", p.Port),
		"--tls-cert-file=" + p.in(servingCert), "--tls-private-key-file=" + p.in(servingKey),
		"--client-ca-file=" + p.in(clientCA), "--anonymous-auth=false", "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true", "--profiling=false",
		"--service-account-issuer=" + ServiceAccountIssuer, "--api-audiences=" + ServiceAccountIssuer + ",k3s",
		"--service-account-key-file=" + p.in(serviceKey), "--service-account-signing-key-file=" + p.in(serviceKey),
		"--service-cluster-ip-range=" + ServiceNetwork,
	}
	if p.Advertise == "" {
		argv = append(argv, "--advertise-address="+loopback, "--endpoint-reconciler-type=none")
	} else {
		argv = append(argv, "--advertise-address="+p.Advertise)
	}
	if p.Kubelet {
		argv = append(argv, "--kubelet-certificate-authority="+p.in(ServerCA),
			"--kubelet-client-certificate="+p.in(kubeletClientCert), "--kubelet-client-key="+p.in(kubeletClientKey),
			"--kubelet-preferred-address-types=InternalIP")
	}
	return argv
}

// ControllerManager runs the controllers, each with rights of its own.
func (p Plane) ControllerManager() []string {
	return []string{
		p.program("kube-controller-manager"), "--kubeconfig=" + p.in(ControllerKubeconfig), "--leader-elect=false", "--secure-port=0",
		"--use-service-account-credentials=true", "--service-account-private-key-file=" + p.in(serviceKey), "--root-ca-file=" + p.in(ServerCA),
		"--profiling=false",
	}
}

// Scheduler gives pods to nodes.
func (p Plane) Scheduler() []string {
	return []string{p.program("kube-scheduler"), "--kubeconfig=" + p.in(SchedulerKubeconfig), "--leader-elect=false", "--secure-port=0", "--profiling=false"}
}
