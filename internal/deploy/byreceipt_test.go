package deploy_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// silent are the errors of a registry that resolves no commit, with what is known of it.
func silent() map[string]error {
	return map[string]error{
		"not asked: no way":        fault.Transient(fault.HostUnreachable, "ssh to D601 failed"),
		"not asked: another key":   fault.New(fault.HostKeyMismatch, "another key"),
		"not asked: no agent":      fault.New(fault.NotAnAgent, "a login shell"),
		"not asked: no answer":     fault.Transient(fault.Stalled, "no answer in time"),
		"not asked: no registry":   fault.Transient(fault.RegistryUnavailable, "it does not answer"),
		"no longer has it: no tag": fault.New(fault.ArtifactNotFound, "it has no such tag"),
	}
}

// w6 is a service whose commit a was proven before b, which runs.
func w6(t *testing.T, w *world) (receipt string) {
	t.Helper()
	w.live(a)
	receipt = w.newest().ID
	w.live(b)
	return receipt
}

// newest is the newest receipt.
func (w *world) newest() ledger.Receipt {
	w.t.Helper()
	all, err := w.Ledger.History(0, w.service)
	if err != nil || len(all) == 0 {
		w.t.Fatalf("%d receipts, %v", len(all), err)
	}
	return all[0]
}

// A version that a receipt of success names, and that the host has, can be gone back to
// without the registry: in Compose on the master and on D601, and in Kubernetes.
func TestGoingBackRestsOnAReceiptWithoutTheRegistry(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"baidu-netdisk", "findjob", "decision-center"} {
		for name, cause := range silent() {
			t.Run(service+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := worldOf(t, c, service, artifact.Prod)
					w.service = service
					w.images = store{}
					w.Artifacts = w.images
					add := func(commit artifact.Commit) {
						w.images.add(t, commit, w.labels(commit))
						want(t, w.run(commit), contract.DecidedSucceeded, "")
					}
					w.origin(provenance.Verdict{Status: provenance.Verified, Detail: "as it was"})
					add(a)
					proven := w.newest()
					add(b)
					w.Artifacts = errArtifacts{cause}
					w.origin(provenance.Verdict{Status: provenance.Contradicted, Detail: "it must not be judged anew"})

					w.readOnly = true
					plan := w.Plan(t.Context(), w.contract(a))
					want(t, plan, contract.DecidedReady, "")
					by, image := plan.Plan.ByReceipt, proven.Image
					if by == nil || by.Receipt != proven.ID || !strings.HasPrefix(name, by.Registry+":") || by.Cause != cause.Error() {
						t.Fatalf("it rests on %+v", by)
					}
					if p := plan.Plan; p.Manifest != image.Manifest || p.Config != image.Config || p.Provenance != proven.Provenance || p.Need != (contract.Need{}) || p.Layers != 1 {
						t.Errorf("%+v", p)
					}

					w.readOnly = false
					r := w.run(a)
					want(t, r, contract.DecidedSucceeded, "")
					if got := w.runs(); got != a.String() || len(r.Evidence) == 0 {
						t.Errorf("runs %s, by %d findings", got, len(r.Evidence))
					}
					got := w.newest()
					if got.ByReceipt != proven.ID || got.Image.Manifest != image.Manifest || got.Provenance != proven.Provenance || !slices.Equal(got.Image.Layers, image.Layers) {
						t.Errorf("%+v", got)
					}
					want(t, w.run(a), contract.DecidedUnchanged, "")
					want(t, w.Apply(t.Context(), w.contract(b), false), contract.DecidedSucceeded, "")
				})
			})
		}
	}
}

// A deploy without the registry needs a receipt of success, of this environment and host,
// and an image that is there. Everything else is refused as before.
func TestWithoutSuchAReceiptTheRegistryIsNeeded(t *testing.T) {
	down := fault.Transient(fault.RegistryUnavailable, "it does not answer")
	for name, c := range map[string]struct {
		arrange func(*testing.T, *world)
		digest  artifact.Digest
		says    string
	}{
		"no receipt": {arrange: func(_ *testing.T, w *world) { w.live(b) }},
		"a receipt of a revert": {arrange: func(_ *testing.T, w *world) {
			w.live(b)
			w.record(a, func(r *ledger.Receipt) { r.Outcome = ledger.Reverted })
		}, says: "it was tried in prod"},
		"a degraded version": {arrange: func(_ *testing.T, w *world) {
			w.live(b)
			w.record(a, func(r *ledger.Receipt) { r.Outcome = ledger.Degraded })
		}},
		"another environment": {arrange: func(_ *testing.T, w *world) {
			w.live(b)
			w.record(a, func(r *ledger.Receipt) { r.Env = artifact.Dev })
		}, says: "it was proven in dev"},
		"another host": {arrange: func(_ *testing.T, w *world) {
			w.live(b)
			w.record(a, func(r *ledger.Receipt) { r.Host = "D601" })
		}},
		"another digest is named": {arrange: func(t *testing.T, w *world) { w6(t, w) }, digest: artifact.DigestOf([]byte("other"))},
		"the image is gone": {arrange: func(t *testing.T, w *world) {
			w6(t, w)
			w.Prune()
		}, says: "it was proven in prod by tester at 20"},
		"the host does not answer for it": {arrange: func(t *testing.T, w *world) {
			w6(t, w)
			w.away = func(call string) bool { return call == "find image" }
		}, says: "whether master's engine has the image is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.images.add(t, a, labels(a))
				c.arrange(t, w)
				for _, cause := range []error{down, fault.New(fault.ArtifactNotFound, "no such tag")} {
					w.Artifacts = errArtifacts{cause}
					asked := w.contract(a)
					asked.Digest = c.digest
					for _, r := range []contract.Result{w.Plan(t.Context(), asked), w.Run(t.Context(), asked, false)} {
						want(t, r, contract.Obstacle(cause), fault.ReasonOf(cause))
						if !strings.Contains(r.Failure.Message, c.says) || r.Failure.Retry != fault.Retryable(cause) {
							t.Errorf("%+v", r.Failure)
						}
					}
				}
			})
		})
	}
}

// record writes a receipt of a commit's image, changed, as an earlier deploy would.
func (w *world) record(commit artifact.Commit, change func(*ledger.Receipt)) {
	w.t.Helper()
	r, image := w.newest(), w.images[commit]
	r.ID, r.Commit, r.Image.Manifest, r.Image.Config = "20260101T000000Z-00000000", commit, image.Manifest, image.Config
	change(&r)
	if _, err := w.Ledger.Record(r); err != nil {
		w.t.Fatal(err)
	}
	if err := w.target.Stage(w.t.Context(), w.spec.Ref, image.Pinned, func(workload.Event) {}); err != nil {
		w.t.Fatal(err)
	}
}

// If the registry answers, its answer counts: no receipt overrules it.
func TestAReceiptDoesNotStandAgainstTheRegistrysAnswer(t *testing.T) {
	for _, cause := range []error{
		fault.New(fault.ArtifactInvalid, "the tag names a chart"), fault.New(fault.DigestMismatch, "other bytes"),
		fault.New(fault.PlatformNotFound, "for arm64"), fault.New(fault.RoleMissing, "it may not"), fault.New(fault.CapabilityMissing, "an old agent"),
	} {
		inWorld(t, func(t *testing.T, w *world) {
			w6(t, w)
			w.Artifacts = errArtifacts{cause}
			want(t, w.Plan(t.Context(), w.contract(a)), contract.DecidedBlocked, fault.ReasonOf(cause))
			want(t, w.run(a), contract.DecidedBlocked, fault.ReasonOf(cause))
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		w6(t, w)
		w.pushAnew(a)
		want(t, w.run(a), contract.DecidedBlocked, fault.TagMoved)
	})
}

// The checks of a plan hold by what the host reports of its image, and by the receipt's
// provenance.
func TestWhatRestsOnAReceiptIsCheckedAlike(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w6(t, w)
		w.Artifacts = errArtifacts{fault.New(fault.HostUnreachable, "no way")}
		w.Labels = func(artifact.Pinned) map[string]string { return labels(b) }
		want(t, w.run(a), contract.DecidedBlocked, fault.LabelMismatch)
	})
	inWorld(t, func(t *testing.T, w *world) {
		w6(t, w)
		obstacles()["origin-silent"](t, w)
		w.Artifacts = errArtifacts{fault.New(fault.HostUnreachable, "no way")}
		want(t, w.run(a), contract.DecidedBlocked, fault.ProvenanceMissing)
	})
}

// A receipt of an older controller names no host.
func TestAReceiptThatNamesNoHostCounts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.images.add(t, a, labels(a))
		w.live(b)
		w.record(a, func(r *ledger.Receipt) { r.Host, r.Provenance = "", provenance.Verdict{} })
		w.Artifacts = errArtifacts{fault.New(fault.HostUnreachable, "no way")}
		plan := w.Plan(t.Context(), w.contract(a))
		want(t, plan, contract.DecidedReady, "")
		if got := plan.Plan.Provenance; got.Status != provenance.Unverified || got.Detail == "" {
			t.Errorf("%+v", got)
		}
	})
}
