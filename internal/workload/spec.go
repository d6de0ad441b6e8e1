package workload

import (
	"slices"
	"strings"
)

// Spec is a workload's placement: names and values, no paths and no commands. The
// catalog holds the placement that should be, the workload's host the present placement.
// Of Compose and Kubernetes the part of Ref's runtime is set, the other is nil.
type Spec struct {
	Ref Ref `json:"ref"`
	// KeyPrefix begins every key that a deploy writes, for example
	// "UNIDESK_BAIDU_NETDISK_DEPLOY_".
	KeyPrefix string `json:"keyPrefix"`
	// Secrets are keys that must have a value in the env file. Only presence and
	// length of the values are ever shown.
	Secrets []string `json:"secrets,omitempty"`
	// Probe is how a Compose service is asked for its health. Each Deployment has its own.
	Probe      Probe           `json:"probe"`
	Compose    *ComposeSpec    `json:"compose,omitempty"`
	Kubernetes *KubernetesSpec `json:"kubernetes,omitempty"`
}

// ComposeSpec is the part of a workload that Compose runs.
type ComposeSpec struct {
	// ContainerName is the container_name that the Compose service declares.
	ContainerName string `json:"containerName"`
	// Image is the stable image name that Compose runs, for example "baidu-netdisk".
	Image string `json:"image"`
}

// KubernetesSpec is the part of a workload that Kubernetes runs.
type KubernetesSpec struct {
	// Deployments move together: all are proven, or all are put back.
	Deployments []DeploymentSpec `json:"deployments"`
	// Sync is the configuration that a deploy writes before the rollout; nil if it
	// writes none.
	Sync *ConfigSync `json:"sync,omitempty"`
}

// DeploymentSpec is a Deployment of a workload.
type DeploymentSpec struct {
	Name string `json:"name"`
	// Container is the container of the pod template whose image is set.
	Container string `json:"container"`
	// Service is asked for health through the API server's proxy, by Probe. Without a
	// Service nothing is asked: the Deployment is proven by rollout, image and environment.
	Service string `json:"service,omitempty"`
	Probe   Probe  `json:"probe,omitzero"`
}

// ConfigSync names the objects that take configuration before a rollout, and their
// keys. Both objects exist already; a deploy creates none.
type ConfigSync struct {
	Secret    string `json:"secret"`
	ConfigMap string `json:"configMap"`
	// Credentials are the keys of the Secret, Settings those of the ConfigMap.
	Credentials []string `json:"credentials"`
	Settings    []string `json:"settings"`
}

// Keys returns all keys, the Secret's first.
func (c ConfigSync) Keys() []string { return slices.Concat(c.Credentials, c.Settings) }

// Placed reports whether the host gives all that a switch needs: a host with an
// older configuration names the workload and no more.
func (s Spec) Placed() bool { return s.Compose != nil || s.Kubernetes != nil }

// Display returns the name by which people know what runs: the container's name in
// Compose, the workload's elsewhere.
func (s Spec) Display() string {
	if s.Compose != nil {
		return s.Compose.ContainerName
	}
	return s.Ref.Name()
}

// Probe is a health question, asked at the container's own address or through the
// Service of its Deployment.
type Probe struct {
	Port int    `json:"port"`
	Path string `json:"path"`
	// Flags are booleans of the answer that are wanted, as dotted paths
	// ("auth.loggedIn").
	Flags []string `json:"flags,omitempty"`
}

// Deployment returns the Deployment of this name, false if the workload has none.
func (s Spec) Deployment(name string) (DeploymentSpec, bool) {
	if s.Kubernetes != nil {
		for _, d := range s.Kubernetes.Deployments {
			if d.Name == name {
				return d, true
			}
		}
	}
	return DeploymentSpec{}, false
}

// The last parts of the keys that a deploy writes, after [Spec.KeyPrefix].
const (
	KeyCommit          = "COMMIT"
	KeyRequestedCommit = "REQUESTED_COMMIT"
	KeyImage           = "IMAGE"
	KeyDigest          = "DIGEST"
	KeyServiceID       = "SERVICE_ID"
	KeySourceRepo      = "SOURCE_REPO"
	KeyDeployedAt      = "DEPLOYED_AT"
)

// Keys returns all these keys, in the order in which a deploy writes them.
func Keys() []string {
	return []string{KeyCommit, KeyRequestedCommit, KeyImage, KeyDigest, KeyServiceID, KeySourceRepo, KeyDeployedAt}
}

// AnnotationPrefix begins every annotation that a deploy writes.
const AnnotationPrefix = "unidesk.dev/"

// ChangeAnnotation holds the id of the change that a pod template is of.
const ChangeAnnotation = AnnotationPrefix + "change"

// Annotation returns the annotation that shows a deploy key on a Deployment and its pods.
func Annotation(key string) string {
	return AnnotationPrefix + "deploy-" + strings.ToLower(strings.ReplaceAll(key, "_", "-"))
}

// MissingReferences are the deploy keys, with prefix, that are not among the
// references of a definition.
func (s Spec) MissingReferences(references []string) (missing []string) {
	for _, k := range Keys() {
		if key := s.KeyPrefix + k; !slices.Contains(references, key) {
			missing = append(missing, key)
		}
	}
	return missing
}
