package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// container returns a container that a person has made by hand.
func container(commit artifact.Commit, config, manifest artifact.Digest, id string) workload.Instance {
	return workload.Instance{
		ID: id, Name: "baidu-netdisk-backend", ImageID: config.String(), Config: config, Running: true, Started: time.Now(),
		Labels: labels(commit),
		Stamped: map[string]string{
			"COMMIT": commit.String(), "REQUESTED_COMMIT": commit.String(), "DIGEST": manifest.String(),
		},
	}
}

func labels(commit artifact.Commit) map[string]string {
	return map[string]string{
		artifact.LabelRevision: commit.String(), artifact.LabelService: "baidu-netdisk",
		artifact.LabelSource: "https://github.com/pikasTech/unidesk",
	}
}

// honest answers as a service does that knows its commit from its build.
func honest(in workload.Instance) workload.Health {
	commit := in.Labels[artifact.LabelRevision]
	h := workload.Health{Status: 200, OK: true, Commit: commit, RequestedCommit: commit, Flags: map[string]bool{}}
	for _, f := range []string{"configured", "clientIdConfigured", "clientSecretConfigured", "tokenKeyConfigured", "loggedIn"} {
		h.Flags["auth."+f] = true
	}
	return h
}

// store is a registry: every commit that it was given, as an image.
type store map[artifact.Commit]artifact.Image

func (s store) Resolve(_ context.Context, _ artifact.Repository, c artifact.Commit, _ artifact.Platform) (artifact.Image, error) {
	img, ok := s[c]
	if !ok {
		return artifact.Image{}, fault.New(fault.ArtifactNotFound, "the registry has no tag %s", c)
	}
	return img, nil
}

func (s store) add(t *testing.T, commit artifact.Commit, labels map[string]string) artifact.Image {
	t.Helper()
	layer := artifact.DigestOf([]byte("layer " + commit.String()))
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{"Labels": labels},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Appendf(nil, `{"config":{"digest":%q},"layers":[{"digest":%q,"size":100,"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}]}`,
		artifact.DigestOf(config), layer)
	repo, err := artifact.ParseRepository("unidesk/baidu-netdisk")
	if err != nil {
		t.Fatal(err)
	}
	img, err := artifact.ParseImage(artifact.Raw{
		Repository: repo, Commit: commit, Manifest: artifact.DigestOf(manifest), ManifestBytes: manifest, ConfigBytes: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	s[commit] = img
	return img
}

type estimate struct{}

func (estimate) Need(context.Context, artifact.Image) (contract.Need, error) {
	return contract.Need{Layers: 1, Bytes: 100, SpoolFree: 1 << 40}, nil
}

// world is a master with its deployer.
type world struct {
	t *testing.T
	*host
	deploy.Config
	images store
	// summaries are those that the producer published.
	summaries map[artifact.Commit]*provenance.Summary
	grants    *used
	service   string
	kills     int // of runs, so far
	events    []workload.Point
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	row, err := c.Row("baidu-netdisk")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, service: "baidu-netdisk", images: store{}, grants: &used{}, host: newHost(t, row.Spec(artifact.Prod, "unidesk"), labels)}
	w.Config = deploy.Config{
		EnvFile: "/srv/unidesk/unidesk.env",
		Catalog: c, Project: "unidesk", RegistryHost: "D601", Endpoint: "127.0.0.1:5000", Artifacts: w.images, Targets: map[string]workload.Target{catalog.Master: w.host}, MayDeploy: func(context.Context, string) error { return nil }, Estimator: estimate{}, Settings: settings{"password": "hunter2", "username": "u", "session": "s"},
		Ledger: ledger.Open(t.TempDir()), Emit: func(e journal.Line) { w.events = append(w.events, e.Point) },
		Traffic: func() (int64, int64) { return 1, 2 }, Who: "tester", Version: "test",
		Provenance: judge(func(_ context.Context, want provenance.Wanted) provenance.Verdict {
			return provenance.Compare(w.summaries[want.Commit], want)
		}),
		Grants:  w.grants,
		Subject: func(_ context.Context, _ string, c artifact.Commit) string { return "subject of " + c.Short()[:1] },
	}
	return w
}

// settings are what config.json has.
type settings map[string]string

// Settings implements [deploy.Settings].
func (s settings) Settings(sync workload.ConfigSync) (workload.Values, []string, error) {
	placed, nowhere := map[string]string{}, []string(nil)
	for key, value := range s {
		if slices.Contains(sync.Keys(), key) {
			placed[key] = value
		} else {
			nowhere = append(nowhere, key)
		}
	}
	slices.Sort(nowhere)
	return workload.NewValues(placed), nowhere, nil
}

// judge is a function as [resolve.Provenance].
type judge func(context.Context, provenance.Wanted) provenance.Verdict

func (j judge) Judge(ctx context.Context, want provenance.Wanted) provenance.Verdict {
	return j(ctx, want)
}

// used are the grants that were used, by their nonce.
type used struct{ nonces []string }

func (u *used) Used(g grant.Grant) error {
	if slices.Contains(u.nonces, g.Nonce) {
		return fault.New(fault.GrantUsed, "used before")
	}
	return nil
}

func (u *used) Use(g grant.Grant, _ string) error {
	if err := u.Used(g); err != nil {
		return err
	}
	u.nonces = append(u.nonces, g.Nonce)
	return nil
}

func (w *world) deployer() *deploy.Deployer {
	w.t.Helper()
	d, err := deploy.New(w.Config)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) Run(ctx context.Context, c contract.Contract, force bool) contract.Result {
	return w.deployer().Run(ctx, c, force)
}

func (w *world) Plan(ctx context.Context, c contract.Contract) contract.Result {
	return w.deployer().Plan(ctx, c)
}

func (w *world) Apply(ctx context.Context, c contract.Contract, force bool) contract.Result {
	return w.deployer().Apply(ctx, c, force)
}

func (w *world) ApplyAll(ctx context.Context, env artifact.Env, all []contract.Candidate, force bool) contract.Reconciliation {
	return w.deployer().ApplyAll(ctx, env, all, force)
}

func (w *world) Diff(ctx context.Context, env artifact.Env, all []contract.Candidate) (contract.Comparison, error) {
	return w.deployer().Diff(ctx, env, all)
}

func (w *world) Verify(ctx context.Context, env artifact.Env, service string) contract.Result {
	return w.deployer().Verify(ctx, env, service)
}

func (w *world) Recover(ctx context.Context) ([]contract.Recovery, error) {
	return w.deployer().Recover(ctx)
}

func (w *world) contract(commit artifact.Commit) contract.Contract {
	w.t.Helper()
	c, err := contract.NewContract(w.Catalog, contract.Request{Service: w.service, Commit: commit.String()})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// run deploys a commit.
func (w *world) run(commit artifact.Commit) contract.Result {
	w.t.Helper()
	return w.Run(w.t.Context(), w.contract(commit), false)
}

// live makes a commit run, as an earlier deploy would have.
func (w *world) live(commit artifact.Commit) {
	w.t.Helper()
	w.images.add(w.t, commit, labels(commit))
	if r := w.run(commit); r.Decision != contract.DecidedSucceeded {
		w.t.Fatalf("first deploy: %s: %+v", r.Decision, r.Failure)
	}
}

func (w *world) history() (outcomes []string) {
	w.t.Helper()
	receipts, err := w.Ledger.History(0, "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range receipts {
		outcomes = append(outcomes, string(r.Outcome)+" "+r.Commit.Short()[:4])
	}
	return outcomes
}

func commit(c string) artifact.Commit {
	parsed, err := artifact.ParseCommit(strings.Repeat(c, 40))
	if err != nil {
		panic(err)
	}
	return parsed
}

var errBoom = errors.New("boom")

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
