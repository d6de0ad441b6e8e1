// Package workload is the vocabulary between what decides and what acts: which
// service on a host is meant, what was seen of it, what is to change. The
// controller's brain and every runtime (Compose here, Compose and Kubernetes
// behind an agent) speak it; nothing in it decides and nothing does I/O.
package workload

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Ref names a workload on its host. Exactly one of its parts is set.
type Ref struct {
	Compose *ComposeRef `json:"compose,omitempty"`
}

// ComposeRef is a service of a Compose project.
type ComposeRef struct {
	Project string `json:"project"`
	Service string `json:"service"`
}

// String returns a name that is unique on the host and fit for a file name. No
// project's name holds a dot, so a-b.c is not a.b-c.
func (r Ref) String() string {
	return "compose-" + r.Compose.Project + "." + r.Compose.Service
}

// Spec is what the catalog tells a host about a workload: names and values, no
// paths and no commands.
type Spec struct {
	Ref Ref `json:"ref"`
	// Container is the container_name that the Compose service declares.
	Container string `json:"container"`
	// Image is the stable image name that Compose runs, for example "baidu-netdisk".
	Image string `json:"image"`
	// EnvPrefix begins every key that a deploy writes, for example
	// "UNIDESK_BAIDU_NETDISK_DEPLOY_".
	EnvPrefix string `json:"envPrefix"`
	// Secrets are keys that the env file must hold; only presence and length of
	// their values are ever told.
	Secrets []string `json:"secrets,omitempty"`
	// Probe is how the service is asked for its health.
	Probe Probe `json:"probe"`
}

// Probe is a health question, asked at the container's own address.
type Probe struct {
	Port int    `json:"port"`
	Path string `json:"path"`
	// Flags are booleans of the answer that are wanted, as dotted paths
	// ("auth.loggedIn").
	Flags []string `json:"flags,omitempty"`
}

// The last parts of the keys that a deploy writes, after Spec.EnvPrefix.
const (
	KeyCommit          = "COMMIT"
	KeyRequestedCommit = "REQUESTED_COMMIT"
	KeyImage           = "IMAGE"
	KeyDigest          = "DIGEST"
	KeyServiceID       = "SERVICE_ID"
	KeySourceRepo      = "SOURCE_REPO"
	KeyDeployedAt      = "DEPLOYED_AT"
)

// Keys are all of them, in the order in which they are written.
func Keys() []string {
	return []string{KeyCommit, KeyRequestedCommit, KeyImage, KeyDigest, KeyServiceID, KeySourceRepo, KeyDeployedAt}
}

// Observation is what a host saw of a workload in one read. Facts only: what
// they are worth is judged by whoever asked.
type Observation struct {
	At time.Time `json:"at"`
	// Definition is what the host's configuration says should run.
	Definition Definition `json:"definition"`
	// Instances are the containers that exist for the workload, newest first; none
	// when nothing was ever started.
	Instances []Instance `json:"instances,omitempty"`
	// Deployed are the deploy keys as the env file has them now, without prefix.
	Deployed map[string]string `json:"deployed,omitempty"`
	Secrets  []Secret          `json:"secrets,omitempty"`
	// Pending is the change that nobody has settled yet, if there is one.
	Pending *Pending `json:"pending,omitempty"`
	// Last is the outcome of the change settled last, if the host remembers one.
	Last *Settled `json:"last,omitempty"`
	// FreeBytes is the room on the filesystem of the engine's images.
	FreeBytes int64 `json:"freeBytes"`
	// Platform is what the engine runs.
	Platform artifact.Platform `json:"platform"`
}

// Definition is the Compose service as its project declares it, with nothing
// interpolated and so without a secret.
type Definition struct {
	Image         string `json:"image"`
	ContainerName string `json:"containerName"`
	PullPolicy    string `json:"pullPolicy,omitempty"`
	Replicas      int    `json:"replicas"`
	// References are the variables of the env file that the service's environment
	// hands on under their own names, LabelReferences those that its labels name.
	References      []string `json:"references,omitempty"`
	LabelReferences []string `json:"labelReferences,omitempty"`
}

// Instance is one container.
type Instance struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	ImageID string    `json:"imageId"`
	Image   string    `json:"image"`
	Created time.Time `json:"created"`
	Started time.Time `json:"started"`
	Running bool      `json:"running"`
	// ExitCode is that of a container that does not run.
	ExitCode int `json:"exitCode,omitempty"`
	// Restarts counts how often the engine started it again.
	Restarts int `json:"restarts"`
	// Config is the digest of the image's config, where the engine's store tells it.
	Config artifact.Digest `json:"config"`
	// Labels are the image's own, not those that Compose adds to the container.
	Labels map[string]string `json:"labels,omitempty"`
	// Env are the deploy keys in the container's environment, without prefix.
	Env map[string]string `json:"env,omitempty"`
	// Health is the answer of its health endpoint; nil when it was not asked.
	Health *Health `json:"health,omitempty"`
}

// Is reports whether the container's image is the one of these digests.
// containerd's store does not tell the config of an image that was pulled; there
// the image's id is the manifest's digest, and a manifest names one config.
func (i Instance) Is(manifest, config artifact.Digest) bool {
	if i.Config.IsZero() {
		return !manifest.IsZero() && i.ImageID == manifest.String()
	}
	return i.Config == config
}

// Health is one answer of a health endpoint.
type Health struct {
	Status int `json:"status"`
	// Error is why there is no usable answer: refused, timed out, not JSON.
	Error string `json:"error,omitempty"`
	// OK is the payload's own "ok", or true where it has none and the status is 200.
	OK              bool            `json:"ok"`
	Commit          string          `json:"commit,omitempty"`
	RequestedCommit string          `json:"requestedCommit,omitempty"`
	Flags           map[string]bool `json:"flags,omitempty"`
}

// Container is any container of the engine that a workload runs on: what counts of
// it to somebody who wants to know whether it was left alone.
type Container struct {
	ID   string
	Name string
	// Project and Service are Compose's labels, "" where it did not make it.
	Project string
	Service string
	Running bool
	// Started is zero where it does not run.
	Started time.Time
	// Restarts counts how often the engine itself started it again.
	Restarts int
	// Fleeting says that the engine removes it when it ends (docker run --rm).
	Fleeting bool
}

// Secret is all that is ever told of one.
type Secret struct {
	Name    string `json:"name"`
	Present bool   `json:"present"`
	Length  int    `json:"length"`
}

// Change is a switch to another image, provisional until it is settled.
type Change struct {
	ID   string `json:"id"`
	Spec Spec   `json:"spec"`
	// Image is what to run; it must be staged.
	Commit   artifact.Commit `json:"commit"`
	Manifest artifact.Digest `json:"manifest"`
	Config   artifact.Digest `json:"config"`
	// Saw is the container id that the caller's plan is based on, "" for none.
	Saw string `json:"saw"`
	// Env are the deploy keys to write, without prefix.
	Env map[string]string `json:"env"`
	// FlagsBefore are the health flags as they were, which the proof needs and a
	// run that attaches later cannot ask for any more.
	FlagsBefore map[string]bool `json:"flagsBefore,omitempty"`
	// Deadline is when an unsettled change is to be taken back by its host.
	Deadline time.Time `json:"deadline"`
	// Holder says who runs it, for the refusal that another run gets.
	Holder string `json:"holder"`
}

// Pending is an unsettled change.
type Pending struct {
	Change Change    `json:"change"`
	Since  time.Time `json:"since"`
	// Before is what ran, for people and for the proof of a revert.
	Before Before `json:"before"`
	// Failed says why taking the change back did not work, "" when nobody has tried.
	Failed string `json:"failed,omitempty"`
}

// Before is what a change replaces.
type Before struct {
	// Container is the id of what ran, "" when nothing did.
	Container string `json:"container,omitempty"`
	// Running is whether it ran; what was down before need not be up after.
	Running bool            `json:"running"`
	ImageID string          `json:"imageId,omitempty"`
	Commit  string          `json:"commit,omitempty"`
	Config  artifact.Digest `json:"config"`
}

// Outcome says how a change ended.
type Outcome string

// The outcomes. A failed revert stays pending, and loud.
const (
	Keep   Outcome = "kept"
	Revert Outcome = "reverted"
)

// Settled is a change that has ended.
type Settled struct {
	ChangeID string          `json:"changeId"`
	Commit   artifact.Commit `json:"commit"`
	Outcome  Outcome         `json:"outcome"`
	At       time.Time       `json:"at"`
}

// Settlement ends a change.
type Settlement struct {
	ChangeID string
	Outcome  Outcome
	// Retire are commits of the service whose images need not stay; used with Keep.
	Retire []artifact.Commit
}

// Observer reads. Nothing on the host changes.
type Observer interface {
	// Observe returns what is there now. A workload that the host does not know
	// is WORKLOAD_NOT_FOUND. With probe false no health endpoint is asked.
	Observe(ctx context.Context, spec Spec, probe bool) (Observation, error)
	// Containers returns all of the engine that the workload runs on, whoever made
	// them, the workload's own too.
	Containers(ctx context.Context, spec Spec) ([]Container, error)
}

// Target is a place that a workload can be switched on.
type Target interface {
	Observer
	// Stage brings the image, whole and verified, to where it will run. Nothing
	// that runs is touched; calling it again costs what is missing.
	Stage(ctx context.Context, spec Spec, image artifact.Image, emit func(Event)) error
	// Switch makes the change, provisionally: before-image first, durably. STALE
	// when what runs is not what the caller saw, CHANGE_PENDING when another
	// change is not settled. With the id of its own pending change it attaches:
	// what is not done yet is done, what is done stays.
	Switch(ctx context.Context, change Change, emit func(Event)) error
	// Settle ends the change. Idempotent: the same outcome again is no error.
	// After Revert returns without error what ran before runs again.
	Settle(ctx context.Context, spec Spec, settlement Settlement, emit func(Event)) error
	// Logs returns the last lines of an instance's output, scrubbed of secrets.
	Logs(ctx context.Context, spec Spec, instance string, lines int) ([]string, error)
}

// MissingReferences are the deploy keys, with prefix, that are not among the
// references of a definition.
func (s Spec) MissingReferences(references []string) (missing []string) {
	for _, k := range Keys() {
		if key := s.EnvPrefix + k; !slices.Contains(references, key) {
			missing = append(missing, key)
		}
	}
	return missing
}

// Room is what an engine needs on its disk for layers that it lacks, by their size
// as stored: an estimate of that copy and, as three times that, what they unpack
// to. No manifest tells the real size.
func Room(stored int64) int64 {
	if stored > math.MaxInt64/4 {
		return math.MaxInt64
	}
	return 4 * stored
}

// ShortID is a container or image id for people.
func ShortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}
