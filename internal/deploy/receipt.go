package deploy

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// abandoned is the failure in the receipt of a change that was reverted without its run.
const abandoned = "its run ended before the change was confirmed"

// receipt returns the receipt of a deploy that was kept: succeeded, or degraded by the verdict.
func (r *run) receipt(id string, f facts, need contract.Need, verdict proof.Verdict, rollback contract.Command) ledger.Receipt {
	layers := make([]artifact.Digest, 0, len(f.Image.Layers))
	for _, l := range f.Image.Layers {
		layers = append(layers, l.Digest)
	}
	sent, received := r.Traffic()
	receipt := ledger.Receipt{
		Schema: ledger.Schema, ID: id, Service: r.row.Service, Env: r.env, Host: r.HostName, Commit: r.commit,
		Outcome: ledger.Succeeded, Started: r.started.UTC(), Finished: time.Now().UTC(),
		Who: r.Who, Note: f.terms.Note(), Controller: r.Version, Catalog: r.Catalog.Hash,
		Image: ledger.Image{
			Repository: f.Image.Repository, Index: f.Image.Index, Manifest: f.Image.Manifest,
			Config: f.Image.Config, Layers: layers, Named: f.terms.Digest,
		},
		ComposeHash: f.seen.Compose().Hash, Evidence: verdict.Findings, Before: r.replaced(f.seen),
		Bytes: ledger.Bytes{Image: f.Image.Bytes, Needed: need.Bytes, Received: received, Sent: sent}, Transfer: r.log.Transfer,
		Steps: r.log.Steps, Warnings: r.warnings, Rollback: rollback.String(), Grant: f.terms.Grant, Provenance: f.Origin,
	}
	if receipt.Before.Running {
		receipt.DownSeconds = r.outage.Seconds(receipt.Finished)
	}
	if by := f.ByReceipt; by != nil {
		receipt.ByReceipt = by.Receipt
	}
	if len(verdict.Instances) > 0 {
		receipt.Container, receipt.ImageID = verdict.Instances[0].ID, verdict.Instances[0].ImageID
	}
	if verdict.Status == proof.Degraded {
		receipt.Outcome = ledger.Degraded
	}
	return receipt
}

// leftReceipt is the receipt of an earlier run's change that was reverted, with the last
// lines of its container.
func (r *run) leftReceipt(p *workload.Pending, logs []string) ledger.Receipt {
	of := r.tookBack(p.Change.ID, p.Change.Image.Commit, p.Since, time.Now().UTC(), r.warnings)
	of.Image.Manifest, of.Image.Config, of.Before, of.Logs = p.Change.Image.Manifest, p.Change.Image.Config, p.Before, logs
	return of
}

// tookBack is the receipt of a reverted change of which no more is known than its id, its
// commit, and the times that its host reported.
func (s session) tookBack(id string, commit artifact.Commit, began, ended time.Time, warnings []string) ledger.Receipt {
	now := time.Now().UTC()
	began = ledger.Began(id, began, now)
	return ledger.Receipt{
		Schema: ledger.Schema, ID: id, Service: s.row.Service, Env: s.env, Host: s.HostName, Commit: commit,
		Outcome: ledger.Reverted, Started: began, Finished: ledger.Bound(ended, began, now), Who: s.Who, Controller: s.Version, Catalog: s.Catalog.Hash,
		Image: ledger.Image{Repository: s.row.Repository}, Failure: abandoned, Warnings: warnings,
	}
}
