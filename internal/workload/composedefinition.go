package workload

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// ComposeDefinition is the Compose service as its project declares it, with nothing
// interpolated and so without a secret.
type ComposeDefinition struct {
	Image         string `json:"image"`
	ContainerName string `json:"containerName"`
	PullPolicy    string `json:"pullPolicy,omitempty"`
	Replicas      int    `json:"replicas"`
	// References are the variables of the env file that the service's environment
	// hands on under their own names, LabelReferences those that its labels name.
	References      []string `json:"references,omitempty"`
	LabelReferences []string `json:"labelReferences,omitempty"`
	// Mounts are what is mounted into its container.
	Mounts []Mount `json:"mounts,omitempty"`
	// NetworkMode is "" if it declares none.
	NetworkMode string `json:"networkMode,omitempty"`
	// StopGrace is how long its container gets to stop, 0 if it sets none.
	StopGrace time.Duration `json:"stopGrace,omitempty"`
	// UnreadFiles are Compose files that Compose reads by itself in the project's folder,
	// and that the host's configuration does not name.
	UnreadFiles []string `json:"unreadFiles,omitempty"`
	// Programs are [Instance.Programs] by its own entrypoint and command.
	Programs []string `json:"programs,omitempty"`
	// Hash is the hash of all that it declares, with no variable's value in it; zero if its
	// host does not report it. Another version of Compose may print the same service in another way.
	Hash artifact.Digest `json:"hash,omitzero"`
	// Labels are its labels with their variables, for the host that reads them; they do not
	// cross to others.
	Labels map[string]string `json:"-"`
}
