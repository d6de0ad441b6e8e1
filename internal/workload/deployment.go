package workload

import (
	"fmt"
	"strings"
	"time"
)

// DeploymentDefinition is a Deployment as the cluster has it. Facts only; none of
// them is a value of its environment but the deploy keys.
type DeploymentDefinition struct {
	// Revision is the name of the ReplicaSet that its pod template belongs to, "" if the
	// cluster has made none yet.
	Revision string `json:"revision,omitempty"`
	// Generation counts the changes of what is wanted, Seen is the generation that the
	// cluster acts on.
	Generation int64 `json:"generation"`
	Seen       int64 `json:"seen"`
	// Image and PullPolicy are those of the placed container, "" if there is no such container.
	Image      string `json:"image,omitempty"`
	PullPolicy string `json:"pullPolicy,omitempty"`
	// Containers are all containers of the template, init containers first.
	Containers []string `json:"containers,omitempty"`
	// SameImage are the other containers of the template that run an image of the same repository.
	SameImage []string `json:"sameImage,omitempty"`
	// Mounts are what is mounted into the placed container, Programs are [Instance.Programs]
	// by its own command; none if the image's counts.
	Mounts   []Mount  `json:"mounts,omitempty"`
	Programs []string `json:"programs,omitempty"`
	// Computed are the deploy keys whose value another object gives (valueFrom).
	Computed []string `json:"computed,omitempty"`
	Strategy string   `json:"strategy"`
	Paused   bool     `json:"paused,omitempty"`
	Replicas Replicas `json:"replicas"`
	// ProgressDeadline is how long a rollout may make no progress.
	ProgressDeadline time.Duration `json:"progressDeadline"`
	HostNetwork      bool          `json:"hostNetwork,omitempty"`
	HostPorts        []int         `json:"hostPorts,omitempty"`
	// Exposures are the Services that select its pods.
	Exposures []Exposure `json:"exposures,omitempty"`
	// Autoscaler is the HorizontalPodAutoscaler that sets its replicas, "" if none does.
	Autoscaler string `json:"autoscaler,omitempty"`
	// Manager is the program that keeps the Deployment as a source of its own has it, for
	// example "Helm release web"; "" if none is known.
	Manager string `json:"manager,omitempty"`
	// PutsBack means that the manager undoes each change at once; Source is the manifest
	// to change instead.
	PutsBack bool   `json:"putsBack,omitempty"`
	Source   string `json:"source,omitempty"`
	// Annotated are the deploy keys in the annotations of its pod template, without prefix.
	Annotated map[string]string `json:"annotated,omitempty"`
	// Trouble is why the rollout cannot go on, in the cluster's words; "" if it can.
	Trouble string `json:"trouble,omitempty"`
}

// Replicas are counts of a Deployment's pods.
type Replicas struct {
	Want      int `json:"want"`
	Updated   int `json:"updated"`
	Ready     int `json:"ready"`
	Available int `json:"available"`
	// Old are pods of older revisions.
	Old int `json:"old"`
}

// Exposure is a Service that selects a Deployment's pods.
type Exposure struct {
	Service string `json:"service"`
	// Type is the Service's: ClusterIP, NodePort, LoadBalancer.
	Type string `json:"type"`
	// NodePorts are the ports that it opens on the node.
	NodePorts []int `json:"nodePorts,omitempty"`
}

// Complete reports whether the rollout has ended well: the cluster has seen the
// last change, all wanted pods are of the present revision and available, none is old.
func (d DeploymentDefinition) Complete() bool {
	r := d.Replicas
	return d.Seen >= d.Generation && r.Updated == r.Want && r.Available == r.Want && r.Old == 0
}

// Replaced reports whether all pods are of the present revision, well or not.
func (d DeploymentDefinition) Replaced() bool {
	return d.Seen >= d.Generation && d.Replicas.Updated == d.Replicas.Want && d.Replicas.Old == 0
}

// Progress describes the rollout for people.
func (d DeploymentDefinition) Progress() string {
	if d.Seen < d.Generation {
		return "the cluster has not seen the change yet"
	}
	r := d.Replicas
	words := []string{fmt.Sprintf("%d of %d updated", r.Updated, r.Want), fmt.Sprintf("%d available", r.Available)}
	if r.Old > 0 {
		words = append(words, fmt.Sprintf("%d old", r.Old))
	}
	return strings.Join(words, ", ")
}
