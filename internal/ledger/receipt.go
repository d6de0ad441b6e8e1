package ledger

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Outcome is how a deploy ended.
type Outcome string

// The outcomes.
const (
	// Succeeded: proven, and kept.
	Succeeded Outcome = "succeeded"
	// Degraded: the asked version, kept, with flags that were false before too.
	// It is not a version to go back to.
	Degraded Outcome = "degraded"
	// Reverted: not proven; what ran before runs again, but for what the warnings name.
	Reverted Outcome = "reverted"
	// RevertFailed: not proven, and what ran before could not be brought back.
	RevertFailed Outcome = "revert-failed"
)

// Outcomes are all of them.
func Outcomes() []Outcome { return []Outcome{Succeeded, Degraded, Reverted, RevertFailed} }

// Schema is the version of a receipt's form. Receipts of version 1 have no Logs, DownSeconds,
// Message, Link, ComposeHash and ProofFailed.
const Schema = 2

// Receipt is what is remembered of a deploy that changed something. It may understate
// what happened; it never overstates.
type Receipt struct {
	Schema int    `json:"schema"`
	ID     string `json:"id"`
	// Change is the id of the change, if a receipt of that id was in force already.
	Change  string             `json:"change,omitempty"`
	Service artifact.ServiceID `json:"service"`
	Env     artifact.Env       `json:"env"`
	// Host is the catalog's name of the host; "" in a receipt of an older controller.
	Host     string          `json:"host,omitempty"`
	Commit   artifact.Commit `json:"commit"`
	Outcome  Outcome         `json:"outcome"`
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished"`
	Who      string          `json:"who"`
	Note
	Controller string          `json:"controller"`
	Catalog    artifact.Digest `json:"catalog"`
	Image      Image           `json:"image"`
	// ByReceipt is the id of the receipt that named the image if the registry did not.
	ByReceipt string `json:"byReceipt,omitempty"`
	// Stamps are the deploy keys that were written, without prefix; none in a receipt of
	// an older controller.
	Stamps    map[string]string `json:"stamps,omitempty"`
	Container string            `json:"container,omitempty"`
	ImageID   string            `json:"imageId,omitempty"`
	Evidence  []proof.Finding   `json:"evidence,omitempty"`
	Before    workload.Before   `json:"before"`
	Bytes     Bytes             `json:"bytes"`
	// Transfer is the account of what crossed to the master; nil if nothing was staged there.
	Transfer *workload.Transfer `json:"transfer,omitempty"`
	Steps    []Step             `json:"steps,omitempty"`
	// ComposeHash is the hash of the Compose service's definition, zero on Kubernetes and if
	// the host did not report it.
	ComposeHash artifact.Digest `json:"composeHash,omitzero"`
	// DownSeconds is the [sight.Outage] of the change; 0 if nothing ran before it.
	DownSeconds float64 `json:"downSeconds,omitempty"`
	// Failure is the reason of an outcome that is not a success.
	Failure string `json:"failure,omitempty"`
	// ProofFailed means that the version itself is why it was reverted: it ran, and was
	// not what was asked for or did not answer well.
	ProofFailed bool `json:"proofFailed,omitempty"`
	// Logs are the last lines of the reverted container, scrubbed by its host: see
	// [LastLogs].
	Logs []string `json:"logs,omitempty"`
	// Rollback is the command that goes back to what was proven before.
	Rollback string `json:"rollback,omitempty"`
	// Disturbed are sentences about what else changed, and no run of ours explains.
	Disturbed []string `json:"disturbed,omitempty"`
	// Warnings are sentences about what a revert left as another writer made it, or about
	// older images that stay though they need not.
	Warnings []string `json:"warnings,omitempty"`
	// Provenance is the verdict on where the image comes from.
	Provenance provenance.Verdict `json:"provenance,omitzero"`
	// Grant is what opened the supervisor's gate.
	Grant *grant.Grant `json:"grant,omitempty"`
}

// Image are the digests of what was deployed.
type Image struct {
	Repository artifact.Repository `json:"repository"`
	Index      artifact.Digest     `json:"index"`
	Manifest   artifact.Digest     `json:"manifest"`
	Config     artifact.Digest     `json:"config"`
	Layers     []artifact.Digest   `json:"layers"`
	// Named is the digest that the person named, if any.
	Named artifact.Digest `json:"named,omitzero"`
}

// Same reports whether an image is the image of the receipt: the same manifest, or
// another platform's of the same index. A receipt without a manifest contradicts none.
func (i Image) Same(as artifact.Image) bool {
	return i.Manifest.IsZero() || i.Manifest == as.Manifest || !i.Index.IsZero() && i.Index == as.Index
}

// Bytes counts what a deploy moved.
type Bytes struct {
	// Image is the sum of the layers as stored in the registry.
	Image int64 `json:"image"`
	// Needed is what had to cross, by the plan: of layers that the engine and the spool
	// lacked, or of deltas that make them.
	Needed int64 `json:"needed"`
	// Received and Sent are the payload of the only connection, both ways.
	Received int64 `json:"received"`
	Sent     int64 `json:"sent"`
}

// Step is a point that was reached and when.
type Step struct {
	Point workload.Point `json:"point"`
	At    time.Time      `json:"at"`
}
