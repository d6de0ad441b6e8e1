// Package rpc is the contract of proto/unidesk/artifact/v1 as Go values: a client for
// the controller, services for the agent, and a table by which a fault crosses between
// them. Only it and the agent know the generated code.
//
// Neither side believes the other. The client hashes what it resolves and checks
// that a stream holds what was asked for, in order and complete; the server
// parses every field before it is used, and limits sizes, streams and time. A cut
// or silent stream is an error here, never an end.
package rpc

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Sizes that both sides agree on.
const (
	// chunkSize is the data in a chunk. 256 KiB hides the cost of a message and
	// keeps cancelling quick (measured best over ssh among 32 KiB to 1 MiB).
	chunkSize = 256 << 10
	// maxChunk is the most that the contract lets a chunk hold.
	maxChunk = 1 << 20
	// maxRanges is the most that the contract lets a request name.
	maxRanges = 256
	// maxSize is more bytes than a blob or an unpacked layer has, so that int64 sums stay true.
	maxSize = 1 << 50
	// maxResolve is the largest message there is: a manifest and a config at their
	// limits.
	maxResolve = artifact.MaxManifest + artifact.MaxConfig + 64<<10
	// maxRequest is the largest request: a Switch with the values of a ConfigSync.
	maxRequest = 256 << 10
	// maxHeaders bounds a header list; gRPC's own default is 16 MiB.
	maxHeaders = 64 << 10
)

// Role is what an account may do on the agent's host.
type Role string

// The roles; a later role holds those before it.
const (
	RoleNone    Role = ""
	RoleRead    Role = "read"
	RoleOperate Role = "operate"
	RoleAdmin   Role = "admin"
)

// Capability is something that an agent can do on its host.
type Capability string

// The capabilities, as the contract's enum names them.
const (
	CapabilityImageStream        Capability = "IMAGE_STREAM"
	CapabilityWorkloadCompose    Capability = "WORKLOAD_COMPOSE"
	CapabilityWorkloadKubernetes Capability = "WORKLOAD_KUBERNETES"
	CapabilityRegistry           Capability = "REGISTRY"
	CapabilityImageDelta         Capability = "IMAGE_DELTA"
)

// Description is what an agent reports about its host and itself.
type Description struct {
	Hostname     string            `json:"hostname"`
	AgentVersion string            `json:"agentVersion"`
	Capabilities []Capability      `json:"capabilities"`
	CallerRole   Role              `json:"callerRole"`
	CallerUID    uint32            `json:"callerUid"`
	Time         time.Time         `json:"time"`
	Platform     artifact.Platform `json:"platform"`
	// Engine is nil if no engine answers.
	Engine *Engine `json:"engine,omitempty"`
	Disks  []Disk  `json:"disks,omitempty"`
	// ComposeVersion is that of the Compose plugin, "" if there is none.
	ComposeVersion string `json:"composeVersion,omitempty"`
	// Cluster is nil on a host whose agent switches no Deployments.
	Cluster *Cluster `json:"cluster,omitempty"`
	// Registry is the host and port of the registry that the agent reads, "" if it reads none.
	Registry string `json:"registry,omitempty"`
}

// Cluster is a Kubernetes cluster as the agent reaches it.
type Cluster struct {
	// Version is that of the API server, Runtime names the container runtime; "" if it
	// does not answer.
	Version string `json:"version,omitempty"`
	Runtime string `json:"runtime,omitempty"`
	// Account is the agent's own there.
	Account string `json:"account,omitempty"`
	// TokenExpires is zero if the account has no token that ends.
	TokenExpires time.Time `json:"tokenExpires,omitzero"`
	// Missing are rights that a deploy needs and the account lacks, Excess are rights
	// that it must not have.
	Missing []string `json:"missingRights,omitempty"`
	Excess  []string `json:"excessRights,omitempty"`
	// Trouble is why a part could not be asked.
	Trouble string `json:"trouble,omitempty"`
	// Mirrors are what the container runtime asks before the host's registry.
	Mirrors []string `json:"mirrors,omitempty"`
}

// Engine is a container engine.
type Engine struct {
	Version    string `json:"version"`
	APIVersion string `json:"apiVersion"`
}

// DiskPurpose is what a host keeps on a filesystem.
type DiskPurpose string

// The purposes, as the contract's enum names them.
const (
	DiskState  DiskPurpose = "STATE"
	DiskEngine DiskPurpose = "ENGINE"
	// DiskClusterImages has the images of the cluster's container runtime.
	DiskClusterImages DiskPurpose = "CLUSTER_IMAGES"
)

// Disk is a filesystem that a deploy needs room on.
type Disk struct {
	Purpose DiskPurpose `json:"purpose"`
	Free    uint64      `json:"freeBytes"`
	Total   uint64      `json:"totalBytes"`
}

// Tag is a name in a registry and its digest according to the registry.
type Tag struct {
	Name   string          `json:"name"`
	Digest artifact.Digest `json:"digest"`
	// Size is that of the layers as stored, and Created when the image was built; zero
	// if that was not asked for or could not be read.
	Size    int64     `json:"sizeBytes,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Trouble is why the registry cannot resolve the tag; Digest is zero then.
	Trouble string `json:"trouble,omitempty"`
}
