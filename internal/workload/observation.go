package workload

import (
	"math"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Observation is what a host saw of a workload in a single read. Facts only.
type Observation struct {
	At time.Time `json:"at"`
	// Placement is the workload as its host's configuration has it.
	Placement Spec `json:"placement"`
	// Basis stands for what a change would replace, see [Change.Basis].
	Basis Basis `json:"basis,omitempty"`
	// Units are the units that should run, by the host's configuration.
	Units []Unit `json:"units,omitempty"`
	// Instances are the copies that exist, newest first; none if nothing was ever started.
	Instances []Instance `json:"instances,omitempty"`
	// Stamped are the deploy keys as configured now, in the env file, without prefix.
	Stamped map[string]string `json:"stamped,omitempty"`
	Secrets []Secret          `json:"secrets,omitempty"`
	// Missing are objects that the placement names and the namespace lacks, each as
	// "secret NAMESPACE/NAME".
	Missing []string `json:"missing,omitempty"`
	// Pending is the change that is not settled, nil if there is none.
	Pending *Pending `json:"pending,omitempty"`
	// Last is the outcome of the change settled last, nil if the host remembers none.
	Last *Settled `json:"last,omitempty"`
	// ImageRoom is the room on the filesystem of the runtime's images, in bytes.
	ImageRoom int64 `json:"imageRoom"`
	// Platform is the platform of the images that the runtime runs.
	Platform artifact.Platform `json:"platform"`
	// NameTakenBy is the container of another project, or of none, that has the workload's
	// container name; nil if there is none.
	NameTakenBy *Neighbour `json:"-"`
	// Holds is a container that holds an image for a change that is not pending; nil if there
	// is none.
	Holds *Holder `json:"-"`
	// EnvFile is the obstacle that keeps the host from writing the deploy keys, zero if there
	// is none; nil if the host does not report that, or if there is no env file.
	EnvFile *Obstacle `json:"-"`
	// Drift is nil if the host did not compare what runs with its definition.
	Drift  *Drift `json:"-"`
	Unread error  `json:"-"` // why the definition could not be read: Units, Stamped and Secrets are not known then
}

// Holder is a container that is never started and keeps an image in the engine.
type Holder struct {
	Name string
	// Change is the change that it was made for.
	Change string
}

// Compose returns the Compose service's definition, zero if there is none.
func (o Observation) Compose() ComposeDefinition {
	for _, u := range o.Units {
		if u.Compose != nil {
			return *u.Compose
		}
	}
	return ComposeDefinition{}
}

// Current returns the first of the instances that are current, nil if there is none.
// Compose has no second.
func (o Observation) Current() *Instance {
	for i := range o.Instances {
		if o.Instances[i].Current {
			return &o.Instances[i]
		}
	}
	return nil
}

// Unit returns the unit of this name, or a unit without a definition.
func (o Observation) Unit(name string) Unit {
	for _, u := range o.Units {
		if u.Name == name {
			return u
		}
	}
	return Unit{Name: name}
}

// Of returns the current instances of a unit.
func (o Observation) Of(unit string) (instances []Instance) {
	for _, in := range o.Instances {
		if in.Current && in.Unit == unit {
			instances = append(instances, in)
		}
	}
	return instances
}

// Present returns all current instances.
func (o Observation) Present() (instances []Instance) {
	for _, in := range o.Instances {
		if in.Current {
			instances = append(instances, in)
		}
	}
	return instances
}

// Slack returns how long the slowest rollout may make no progress, or the container may
// take to stop.
func (o Observation) Slack() (most time.Duration) {
	for _, u := range o.Units {
		if u.Deployment != nil {
			most = max(most, u.Deployment.ProgressDeadline)
		}
		if u.Compose != nil {
			most = max(most, u.Compose.StopGrace)
		}
	}
	for _, in := range o.Instances {
		most = max(most, in.StopGrace)
	}
	return most
}

// Flags returns the health flags of what runs, each by its [FlagOf], nil if no health was
// asked.
func (o Observation) Flags() map[string]bool {
	if in := o.Current(); in != nil && in.Health != nil {
		return in.Health.Flags
	}
	var flags map[string]bool
	for _, u := range o.Units {
		if u.Health == nil {
			continue
		}
		if flags == nil {
			flags = make(map[string]bool, len(u.Health.Flags))
		}
		for flag, value := range u.Health.Flags {
			flags[FlagOf(u.Name, flag)] = value
		}
	}
	return flags
}

// FlagOf returns the name of a Deployment's health flag, which no flag of another
// Deployment has. In Compose deployment is "", and the name is the flag's.
func FlagOf(deployment, flag string) string {
	return strings.TrimPrefix(deployment+"/"+flag, "/")
}

// Troubled returns the current instance that its runtime complains of, else the first,
// nil if there is none.
func (o Observation) Troubled() *Instance {
	for i := range o.Instances {
		if o.Instances[i].Current && o.Instances[i].Trouble != "" {
			return &o.Instances[i]
		}
	}
	return o.Current()
}

// Basis identifies what a change replaces. It is compared and never parsed; "" means
// that nothing of the workload exists.
type Basis string

// Unit is what the host's configuration declares: a Compose service, or a Deployment of
// the workload.
type Unit struct {
	Name       string                `json:"name"`
	Compose    *ComposeDefinition    `json:"compose,omitempty"`
	Deployment *DeploymentDefinition `json:"deployment,omitempty"`
	// Health is what the Deployment's Service answered; nil when it was not asked. It is
	// asked only if no pod of an older revision is left.
	Health *Health `json:"health,omitempty"`
}

// Instance is a copy of a unit: a container, or the named container of a pod. A
// pod's id and name are the copy's.
type Instance struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Unit is the name of the unit that it is a copy of.
	Unit string `json:"-"`
	// Current means that the workload's name belongs to it, or that its pod is of the
	// Deployment's present revision: leftovers of an interrupted switch and pods of
	// older revisions are not current.
	Current bool `json:"-"`
	// Revision is the uid of the ReplicaSet that made its pod; "" in Compose.
	Revision string    `json:"-"`
	ImageID  string    `json:"imageId"`
	Image    string    `json:"image"`
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started"`
	Running  bool      `json:"running"`
	// ExitCode is that of a container that does not run.
	ExitCode int `json:"exitCode,omitempty"`
	// Restarts counts how often the runtime started it again.
	Restarts int `json:"restarts"`
	// Trouble is why it does not run or is not ready, in the runtime's words: "CrashLoopBackOff",
	// "ErrImagePull: ..."; "" if it is well or the runtime gives no reason.
	Trouble string `json:"trouble,omitempty"`
	// Config is the digest of the image's config, zero if the store does not have it.
	Config artifact.Digest `json:"config"`
	// Labels are the image's own, not those that Compose adds to the container.
	Labels map[string]string `json:"labels,omitempty"`
	// Commit is the commit that its image was built from: by the image's label, or by a
	// receipt of its digest; "" if neither names it. A host leaves it to the caller.
	Commit string `json:"commit,omitempty"`
	// Stamped are the deploy keys in its environment, without prefix.
	Stamped map[string]string `json:"env,omitempty"`
	// Labelled are the deploy keys in its own labels, without prefix; nil if its host does
	// not compare them.
	Labelled map[string]string `json:"labelled,omitempty"`
	// Health is the answer of its health endpoint; nil when it was not asked.
	Health *Health `json:"health,omitempty"`
	// Healthcheck is the runtime's own check: "starting", "healthy", "unhealthy"; "" if it
	// has none.
	Healthcheck string `json:"healthcheck,omitempty"`
	// StopGrace is how long it gets to stop.
	StopGrace time.Duration `json:"-"`
	// Mounts are what is mounted into it, Programs where its program is: see [Programs].
	Mounts   []Mount  `json:"-"`
	Programs []string `json:"-"`
}

// Is reports whether the instance's image is the pinned image. containerd's store does
// not have the config of an image that was pulled; there the image's id is the
// manifest's digest, and a manifest names a single config.
func (i Instance) Is(p artifact.Pinned) bool {
	if i.Config.IsZero() {
		return !p.Manifest.IsZero() && i.ImageID == p.Manifest.String()
	}
	return i.Config == p.Config
}

// Copy returns the identity of the instance, which a restart changes.
func (i Instance) Copy() Copy {
	return Copy{ID: i.ID, Started: i.Started, Restarts: i.Restarts, Revision: i.Revision}
}

// Copy is a run of an instance.
type Copy struct {
	ID       string
	Started  time.Time
	Restarts int
	// Revision is the instance's.
	Revision string
}

// Stands reports whether the instance is the copy, or another pod of its ReplicaSet. A
// copy that was restarted since is neither.
func (c Copy) Stands(in Instance) bool {
	return c.Equal(in.Copy()) || c.ID != in.ID && c.Revision != "" && c.Revision == in.Revision
}

// Equal reports whether two copies are the same run of the same instance.
func (c Copy) Equal(o Copy) bool {
	return c.ID == o.ID && c.Started.Equal(o.Started) && c.Restarts == o.Restarts
}

// Secret is all that is ever shown of a secret.
type Secret struct {
	Name    string `json:"name"`
	Present bool   `json:"present"`
	// Length is that of the value, in bytes.
	Length int `json:"length"`
}

// Room returns the bytes that an engine needs on its disk for layers that it lacks, by
// their size as stored. It is an estimate: that copy, and three times as much for what
// the layers unpack to. No manifest holds the real size.
func Room(stored int64) int64 {
	if stored > math.MaxInt64/4 {
		return math.MaxInt64
	}
	return 4 * stored
}

// ShortID is a container or image id for people. In Kubernetes an image's repository is
// before its id.
func ShortID(id string) string {
	if _, digest, ok := strings.Cut(id, "@"); ok {
		id = digest
	}
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
