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
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// host is a master in memory: one service, one container, a settling table. It
// does what workload.Target promises and can be told to fail.
type host struct {
	t    *testing.T
	spec workload.Spec
	// labels are those of the service's image at a commit.
	labels func(artifact.Commit) map[string]string

	running  *workload.Instance
	old      *workload.Instance
	health   func(in workload.Instance) workload.Health
	pending  *workload.Pending
	last     *workload.Settled
	staged   []artifact.Digest
	retired  []artifact.Commit
	switches int
	missing  []string // secrets that the env file lacks

	failStage, failSwitch, failKeep, failRevert, failList error
	onSwitch                                              func()
	onSettle                                              func()
	readOnly                                              bool
	unfit                                                 bool // its Compose service is another one

	// clock is how far the host's is ahead; one that is watched takes back what
	// nobody settles in time.
	clock   time.Duration
	watched bool
	// beside are other services, of which a story knows what is seen.
	beside map[string]workload.Observation
	// others are the containers of its engine beside the service's own.
	others []workload.Container
	// full is how many bytes its engine's disk lacks to have as many as ever.
	full int64
	// away tells, before and after a call, whether the way to the host is cut.
	away func(call string) bool
}

func (h *host) cut(call string) error {
	if p := h.pending; h.watched && p != nil && !p.Change.Deadline.IsZero() && h.now().After(p.Change.Deadline) {
		h.end(workload.Revert)
	}
	if h.away != nil && h.away(call) {
		return fault.Transient(fault.HostUnreachable, "the way is cut")
	}
	return nil
}

func (h *host) now() time.Time { return time.Now().Add(h.clock) }

// end settles the pending change.
func (h *host) end(o workload.Outcome) {
	if o == workload.Revert {
		if h.running = h.old; h.old != nil { // the same again, in another container
			again := *h.old
			again.ID += "-again"
			h.running = &again
		}
	}
	h.last = &workload.Settled{ChangeID: h.pending.Change.ID, Commit: h.pending.Change.Commit, Outcome: o, At: h.now()}
	h.pending = nil
}

func (h *host) Observe(_ context.Context, spec workload.Spec, probe bool) (workload.Observation, error) {
	if err := h.cut("observe"); err != nil {
		return workload.Observation{}, err
	}
	if other, ok := h.beside[spec.Ref.Compose.Service]; ok {
		return other, nil
	}
	if spec.Ref != h.spec.Ref && *spec.Ref.Compose != *h.spec.Ref.Compose {
		return workload.Observation{}, fault.New(fault.WorkloadNotFound, "no such service")
	}
	seen := workload.Observation{
		At: h.now(), Pending: h.pending, Last: h.last, FreeBytes: 1<<40 - h.full,
		Platform: artifact.Platform{OS: "linux", Architecture: "amd64"},
		Definition: workload.Definition{
			Image: spec.Image, ContainerName: spec.Container, Replicas: 1,
		},
	}
	if h.unfit {
		seen.Definition.ContainerName = "another"
	}
	for _, k := range workload.Keys() {
		seen.Definition.References = append(seen.Definition.References, spec.EnvPrefix+k)
		seen.Definition.LabelReferences = append(seen.Definition.LabelReferences, spec.EnvPrefix+k)
	}
	for _, name := range spec.Secrets {
		s := workload.Secret{Name: name, Present: true, Length: 8}
		for _, m := range h.missing {
			if m == name {
				s = workload.Secret{Name: name}
			}
		}
		seen.Secrets = append(seen.Secrets, s)
	}
	if h.running != nil {
		in := *h.running
		if probe {
			health := h.health(in)
			in.Health = &health
		}
		seen.Instances = []workload.Instance{in}
	}
	return seen, nil
}

func (h *host) Containers(context.Context, workload.Spec) ([]workload.Container, error) {
	if err := h.cut("containers"); err != nil {
		return nil, err
	}
	return slices.Clone(h.others), h.failList
}

func (h *host) writes(what string) {
	if h.readOnly {
		h.t.Errorf("%s was called by something that must only read", what)
	}
}

func (h *host) Stage(_ context.Context, _ workload.Spec, image artifact.Image, emit func(workload.Event)) error {
	h.writes("Stage")
	if h.failStage != nil {
		return h.failStage
	}
	h.staged = append(h.staged, image.Manifest)
	emit(workload.Event{Point: workload.PointStaged})
	return nil
}

func (h *host) Switch(_ context.Context, c workload.Change, emit func(workload.Event)) error {
	h.writes("Switch")
	if err := h.cut("switch"); err != nil {
		return err
	}
	if h.pending != nil && h.pending.Change.ID != c.ID {
		return fault.New(fault.ChangePending, "another change")
	}
	if p := h.pending; p != nil && c.Deadline.After(p.Change.Deadline) {
		p.Change.Deadline = c.Deadline
	}
	if h.pending == nil {
		saw := ""
		if h.running != nil {
			saw = h.running.ID
		}
		if saw != c.Saw {
			return fault.New(fault.Stale, "saw %s, is %s", c.Saw, saw)
		}
		h.pending = &workload.Pending{Change: c, Since: h.now()}
		if h.old = h.running; h.old != nil {
			h.pending.Before = workload.Before{Container: h.old.ID, Running: h.old.Running, ImageID: h.old.ImageID, Commit: h.old.Env["COMMIT"], Config: h.old.Config}
		}
	}
	emit(workload.Event{Point: workload.PointBefore})
	if h.failSwitch != nil {
		return h.failSwitch
	}
	h.switches++
	h.running = container(c.Commit, c.Config, c.Manifest, fmt.Sprintf("%s-%d", c.ID, h.switches))
	h.running.Name, h.running.Labels = h.spec.Container, h.labels(c.Commit)
	emit(workload.Event{Point: workload.PointSwitch})
	if h.onSwitch != nil {
		h.onSwitch()
	}
	return h.cut("switched")
}

func (h *host) Settle(_ context.Context, _ workload.Spec, s workload.Settlement, _ func(workload.Event)) error {
	h.writes("Settle")
	if h.onSettle != nil {
		h.onSettle()
	}
	if err := h.cut("settle"); err != nil {
		return err
	}
	if last := h.last; h.pending == nil && last != nil && last.ChangeID == s.ChangeID {
		if last.Outcome != s.Outcome {
			return fault.New(fault.Stale, "change %s was %s already", s.ChangeID, last.Outcome)
		}
		return nil
	}
	if h.pending == nil || h.pending.Change.ID != s.ChangeID {
		return fault.New(fault.ChangeNotFound, "no change %s", s.ChangeID)
	}
	if s.Outcome == workload.Keep {
		if h.failKeep != nil {
			return h.failKeep
		}
		h.retired = append(h.retired, s.Retire...)
	} else if h.failRevert != nil {
		return h.failRevert
	}
	h.end(s.Outcome)
	return h.cut("settled")
}

func (h *host) Logs(context.Context, workload.Spec, string, int) ([]string, error) {
	return []string{"the last line"}, nil
}

func container(commit artifact.Commit, config, manifest artifact.Digest, id string) *workload.Instance {
	return &workload.Instance{
		ID: id, Name: "baidu-netdisk-backend", ImageID: config.String(), Config: config, Running: true, Started: time.Now(),
		Labels: labels(commit),
		Env: map[string]string{
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

// world is one master with its deployer.
type world struct {
	t *testing.T
	*host
	deploy.Config
	images store
	// summaries are those that the producer published.
	summaries map[artifact.Commit]*provenance.Summary
	grants    *used
	service   string
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
	w := &world{t: t, service: "baidu-netdisk", images: store{}, grants: &used{}, host: &host{t: t, spec: row.Spec(catalog.Prod, "unidesk"), health: honest, labels: labels}}
	w.Config = deploy.Config{
		Catalog: c, Project: "unidesk", Artifacts: w.images, Targets: map[string]workload.Target{catalog.Master: w.host}, Estimator: estimate{},
		Ledger: ledger.Open(t.TempDir()), Emit: func(e workload.Event) { w.events = append(w.events, e.Point) },
		Traffic: func() (int64, int64) { return 1, 2 }, Who: "tester", Version: "test",
		Provenance: judge(func(_ context.Context, want provenance.Wanted) provenance.Verdict {
			return provenance.Compare(w.summaries[want.Commit], want)
		}),
		Grants: w.grants,
	}
	return w
}

// judge is a function as [deploy.Provenance].
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

func (w *world) ApplyAll(ctx context.Context, env catalog.Env, all []contract.Candidate, force bool) contract.Reconciliation {
	return w.deployer().ApplyAll(ctx, env, all, force)
}

func (w *world) Diff(ctx context.Context, env catalog.Env, all []contract.Candidate) (contract.Comparison, error) {
	return w.deployer().Diff(ctx, env, all)
}

func (w *world) Verify(ctx context.Context, env catalog.Env, service string) contract.Result {
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
	receipts, err := w.Ledger.History("", "")
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
