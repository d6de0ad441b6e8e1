package kube

import (
	"fmt"
	"maps"

	"go.yaml.in/yaml/v4"
)

// Where the lab puts things on the host: k3s's own folders.
const (
	programs  = "/var/lib/rancher/k3s/data/current/bin"
	serverDir = "/var/lib/rancher/k3s/server"
	agentDir  = "/var/lib/rancher/k3s/agent"

	containerdConfigFile = agentDir + "/etc/containerd/config.toml"
	networkFile          = agentDir + "/etc/cni/net.d/10-lab.conflist"
	kubeletKubeconfig    = agentDir + "/kubelet.kubeconfig"
	kubeletCert          = agentDir + "/serving-kubelet.crt"
	kubeletKey           = agentDir + "/serving-kubelet.key"
	clientCA             = agentDir + "/client-ca.crt"
	fitFile              = agentDir + "/fit.sh"
)

// containerdConfig is what k3s generates, without AppArmor, of which a container inside a container has none.
const containerdConfig = `version = 3
root = "` + ContainerdRoot + `"
state = "/run/k3s/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "` + Socket + `"

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"

  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "` + PauseImage + `"

  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "` + agentDir + `/etc/containerd/certs.d"

[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true

  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["` + programs + `"]
    use_internal_loopback = true
    conf_dir = "` + agentDir + `/etc/cni/net.d"

  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
`

// network gives pods addresses behind a single bridge: there is a single node.
const network = `{"cniVersion": "1.0.0", "name": "lab", "plugins": [{
  "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "/run/k3s/cni", "ranges": [[{"subnet": "10.42.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
}]}
`

// kubeletConfig is the KubeletConfiguration, with fields replaced by others.
func kubeletConfig(fields map[string]any) ([]byte, error) {
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + Socket, "cgroupDriver": "cgroupfs", "failCgroupV1": false, "failSwapOn": false,
		"tlsCertFile": kubeletCert, "tlsPrivateKeyFile": kubeletKey,
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true}, "x509": map[string]any{"clientCAFile": clientCA},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"clusterDomain": "cluster.local", "clusterDNS": []string{"10.43.0.10"},
		// The disk is the machine's, and may be fuller than a node's.
		"evictionHard": map[string]any{"imagefs.available": "1%", "nodefs.available": "1%"},
		// And no image goes because of that, unless a test asks: 100 turns it off.
		"imageGCHighThresholdPercent": 100,
		// A pod that is deleted or that changes is noticed by watching; these are for what is polled.
		"syncFrequency": "10s", "fileCheckFrequency": "10s", "nodeStatusUpdateFrequency": "5s",
	}
	maps.Copy(config, fields)
	content, err := yaml.Dump(config)
	if err != nil {
		return nil, fmt.Errorf("write the kubelet's configuration: %w", err)
	}
	return content, nil
}

// foundations are the namespaces, and the kind that k3s's deploy controller has for each manifest of its own: it marks the
// Deployments that k3s made.
func foundations() []byte {
	text := addons
	for _, namespace := range Namespaces() {
		text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + "}\n"
	}
	return []byte(text)
}

const addons = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: addons.k3s.cattle.io}
spec:
  group: k3s.cattle.io
  names: {kind: Addon, listKind: AddonList, plural: addons, singular: addon}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                source: {type: string, nullable: true}
                checksum: {type: string, nullable: true}
`
