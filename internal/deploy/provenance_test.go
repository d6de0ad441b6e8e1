package deploy_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

// required is the built-in catalog with a service that wants its provenance.
func required(t *testing.T) *catalog.Catalog {
	t.Helper()
	content, err := os.ReadFile("../catalog/services.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Parse([]byte(strings.Replace(string(content), "  project-manager:\n", "  project-manager:\n    provenance: required\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProvenanceIsJudgedBeforeAnythingIsStaged(t *testing.T) {
	for name, c := range map[string]struct {
		service           string
		publish           func(*provenance.Summary) *provenance.Summary
		planned, decision contract.Decision
		reason            fault.Reason
		status            provenance.Status
	}{
		"verified": {
			"project-manager", func(s *provenance.Summary) *provenance.Summary { return s },
			contract.DecidedReady, contract.DecidedSucceeded, "", provenance.Verified,
		},
		"missing, and required": {
			"project-manager", func(*provenance.Summary) *provenance.Summary { return nil },
			contract.DecidedBlocked, contract.DecidedBlocked, fault.ProvenanceMissing, provenance.Unverified,
		},
		"missing, and optional": {
			"oa-event-flow", func(*provenance.Summary) *provenance.Summary { return nil },
			contract.DecidedReady, contract.DecidedSucceeded, "", provenance.Unverified,
		},
		"contradicted": {
			"oa-event-flow", func(s *provenance.Summary) *provenance.Summary { s.Digest = artifact.DigestOf(nil).String(); return s },
			contract.DecidedBlocked, contract.DecidedBlocked, fault.ProvenanceContradicted, provenance.Contradicted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worldOf(t, required(t), c.service, artifact.Prod)
				w.service = c.service
				img := w.images.add(t, a, w.labels(a))
				repository := "127.0.0.1:5000/unidesk/" + c.service
				w.summaries = map[artifact.Commit]*provenance.Summary{a: c.publish(&provenance.Summary{
					ServiceID: c.service, SourceRepo: "https://github.com/pikasTech/unidesk", SourceCommit: a.String(), Tag: a.String(),
					ImageRef: repository + ":" + a.String(), Digest: img.Manifest.String(), DigestRef: repository + "@" + img.Manifest.String(),
				})}
				plan := w.Plan(t.Context(), w.contract(a))
				want(t, plan, c.planned, c.reason)
				r := w.run(a)
				want(t, r, c.decision, c.reason)
				if plan.Plan.Provenance.Status != c.status || r.Plan.Provenance.Status != c.status {
					t.Errorf("planned as %+v, done as %+v", plan.Plan.Provenance, r.Plan.Provenance)
				}
				if r.OK && r.Receipt.Provenance.Status != c.status {
					t.Errorf("receipt: %+v", r.Receipt.Provenance)
				}
				if !r.OK && (len(w.staged) > 0 || r.Mutated) {
					t.Errorf("staged %v", w.staged)
				}
			})
		})
	}
}

// A condition that would stop a recreate does not count against a container that runs.
func TestALiveCommitNeedsNothingToBeMadeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.live(a)
		w.Lose("UNIDESK_BAIDU_NETDISK_TOKEN_KEY")
		want(t, w.Plan(t.Context(), w.contract(a)), contract.DecidedReady, "")
		want(t, w.run(a), contract.DecidedUnchanged, "")
	})
}

// A commit of bad provenance stays bad, even if it runs already.
func TestALiveCommitOfBadProvenanceIsNotWell(t *testing.T) {
	for name, c := range map[string]struct {
		service string
		summary func(artifact.Commit) *provenance.Summary
		reason  fault.Reason
	}{
		"contradicted":          {"oa-event-flow", func(artifact.Commit) *provenance.Summary { return &provenance.Summary{Tag: "latest"} }, fault.ProvenanceContradicted},
		"missing, and required": {"project-manager", func(artifact.Commit) *provenance.Summary { return nil }, fault.ProvenanceMissing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worldOf(t, required(t), c.service, artifact.Prod)
				w.service = c.service
				img := w.images.add(t, a, w.labels(a))
				live := container(a, img.Config, img.Manifest, "live")
				live.Name, live.Labels, live.Stamped = w.spec.Compose.ContainerName, w.labels(a), w.contract(a).Stamps(img.Manifest)
				w.Put(live)
				if _, err := w.Ledger.Record(ledger.Receipt{ID: "kept", Service: w.contract(a).Service, Env: artifact.Prod, Commit: a, Outcome: ledger.Degraded}); err != nil {
					t.Fatal(err)
				}
				w.readOnly = true
				w.summaries = map[artifact.Commit]*provenance.Summary{a: c.summary(a)}
				plan := w.Plan(t.Context(), w.contract(a))
				want(t, plan, contract.DecidedBlocked, c.reason)
				if !plan.Plan.AlreadyLive {
					t.Error("it is not live already: the test is worth nothing")
				}
				want(t, w.Apply(t.Context(), w.contract(a), false), contract.DecidedBlocked, c.reason)
				r := w.run(a)
				want(t, r, contract.DecidedBlocked, c.reason)
				if r.OK || r.Mutated || r.Receipt != nil || !strings.Contains(r.Running.Text, a.String()) {
					t.Errorf("ok %v, mutated %v, receipt %+v, running %q", r.OK, r.Mutated, r.Receipt, r.Running.Text)
				}
				if diff := cmp.Diff([]string{"degraded aaaa"}, w.history()); diff != "" {
					t.Errorf("it became one to go back to: %s", diff)
				}
			})
		})
	}
}

// A plan that is stopped while the source's remote is asked returns no plan.
func TestAPlanThatIsStoppedWhileItsOriginIsAskedIsNone(t *testing.T) {
	for name, start := range map[string]func(*testing.T, func(*testing.T, *world)){"on the master": inWorld, "on D601": onD601} {
		t.Run(name, func(t *testing.T) {
			start(t, func(t *testing.T, w *world) {
				w.images.add(t, b, w.labels(b))
				ctx, stop := context.WithCancel(t.Context())
				w.Provenance = judge(func(context.Context, provenance.Wanted) provenance.Verdict {
					stop()
					return provenance.Verdict{Status: provenance.Unverified}
				})
				want(t, w.Plan(ctx, w.contract(b)), contract.DecidedInterrupted, fault.Interrupted)
			})
		})
	}
}

// A remote that does not answer may answer the next time, without a new publication.
func TestWhatMayBeVerifiedLaterMayBeTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOf(t, required(t), "project-manager", artifact.Prod)
		w.service = "project-manager"
		w.images.add(t, a, w.labels(a))
		w.Provenance = judge(func(context.Context, provenance.Wanted) provenance.Verdict {
			return provenance.Verdict{Status: provenance.Unverified, Detail: "no answer", Fix: "ask it", Retry: true}
		})
		for _, r := range []contract.Result{w.Plan(t.Context(), w.contract(a)), w.run(a)} {
			if f := r.Failure; f == nil || f.Reason != fault.ProvenanceMissing || !f.Retry || f.Hint != "ask it" {
				t.Errorf("%s: %+v", r.Decision, f)
			}
		}
	})
}
