package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// imageOf is an image of which nothing but the manifest is known.
func imageOf(manifest artifact.Digest) artifact.Image {
	return artifact.Image{Pinned: artifact.Pinned{Manifest: manifest}}
}

func TestOnlyWhatIsStillThereAsItWasProvenIsACandidate(t *testing.T) {
	t.Parallel()
	proven, other := artifact.DigestOf([]byte("proven")), artifact.DigestOf([]byte("other"))
	config := artifact.DigestOf([]byte("config"))
	r := receiptOf("frontend", artifact.Prod, "a", ledger.Succeeded)
	r.Image.Manifest, r.Image.Config = proven, config
	bytes, here, not := int64(5), true, false
	away, lost := fault.New(fault.HostUnreachable, "no"), fault.New(fault.ArtifactNotFound, "none")
	for name, c := range map[string]struct {
		now      artifactState
		running  *workload.Instance
		registry string
		command  bool
	}{
		"it is gone, and the host has it":                    {artifactState{err: lost, here: &here}, nil, GoneThere, true},
		"the registry does not tell, and the host has it":    {artifactState{err: away, here: &here}, nil, UnknownThere, true},
		"it is gone, and the host lost it":                   {artifactState{err: lost, here: &not}, nil, GoneThere, false},
		"what the registry has is none, and the host has it": {artifactState{err: fault.New(fault.ArtifactInvalid, "a chart"), here: &here}, nil, UnknownThere, false},
		"it runs, without the registry":                      {artifactState{err: away, here: &here}, &workload.Instance{Config: config}, UnknownThere, false},
		"still there":                                        {artifactState{image: imageOf(proven), bytes: &bytes, here: &here}, nil, InRegistry, true},
		"still there, another runs":                          {artifactState{image: imageOf(proven)}, &workload.Instance{Config: other}, InRegistry, true},
		"it runs":                                            {artifactState{image: imageOf(proven)}, &workload.Instance{Config: config}, InRegistry, false},
		"it runs, pulled into containerd's store":            {artifactState{image: imageOf(proven)}, &workload.Instance{ImageID: proven.String()}, InRegistry, false},
		"its tag was moved":                                  {artifactState{image: imageOf(other)}, nil, MovedThere, false},
		"it is gone":                                         {artifactState{err: fault.New(fault.ArtifactNotFound, "none")}, nil, GoneThere, false},
		"the registry does not tell":                         {artifactState{err: fault.New(fault.HostUnreachable, "no")}, nil, UnknownThere, false},
	} {
		got := newCandidate(r, "master", c.now, c.running, "the command")
		if got.Registry != c.registry || (got.Command != "") != c.command || (got.Why == "") != c.command || got.Bytes != c.now.bytes || got.InEngine != c.now.here {
			t.Errorf("%s: %+v", name, got)
		}
		if lacks := c.now.err != nil && c.now.here == &not; strings.Contains(got.Why, "its host does not have the image") != lacks {
			t.Errorf("%s: %s", name, got.Why)
		}
		if by := contract.Unresolved(c.now.err); c.command && c.now.err != nil && got.ByReceipt != by {
			t.Errorf("%s: it rests on %q", name, got.ByReceipt)
		}
		if (got.Now != artifact.Digest{}) != (c.registry == MovedThere) {
			t.Errorf("%s: the tag names %s", name, got.Now)
		}
	}
}

// placeOf is where baidu-netdisk runs.
func placeOf(t *testing.T, env artifact.Env) *site.Place {
	t.Helper()
	services := must(catalog.Builtin())
	return &site.Place{Wired: &site.Wired{Parts: deploy.Config{Catalog: services}}, Row: must(services.Row("baidu-netdisk")), Env: env}
}

// What may only be validated was proven when it might go live, and has no way back now.
func TestOnlyALiveEnvironmentHasAWayBack(t *testing.T) {
	t.Parallel()
	parsed := must(artifact.ParseCommit(strings.Repeat("a", 40)))
	for env, want := range map[artifact.Env]bool{artifact.Prod: true, artifact.Dev: false} {
		if got := backTo(placeOf(t, env), parsed, ledger.Proven); strings.Contains(got, "--commit "+parsed.String()) != want || (got != "") != want {
			t.Errorf("%s: %q", env, got)
		}
	}
}

// A version of another host is none of this host's.
func TestAReceiptOfAnotherHostIsNoCandidateWithoutTheRegistry(t *testing.T) {
	t.Parallel()
	r, here := receiptOf("frontend", artifact.Prod, "a", ledger.Succeeded), true
	r.Host = "D601"
	now := artifactState{err: fault.New(fault.HostUnreachable, "no"), here: &here}
	if got := newCandidate(r, "master", now, nil, "the command"); got.Command != "" || got.Why == "" {
		t.Errorf("%+v", got)
	}
	if got := newCandidate(r, "D601", now, nil, "the command"); got.Command == "" {
		t.Errorf("%+v", got)
	}
}

// Without a candidate, what to do by hand is named if the registry is why.
func TestWhatToDoByHandIsNamed(t *testing.T) {
	t.Parallel()
	compose, cluster := workload.Spec{}, workload.Spec{Kubernetes: &workload.KubernetesSpec{}}
	lost := RollbackOptions{Candidates: []Candidate{{Registry: InRegistry, Runs: true}, {Registry: UnknownThere}}}
	if got := byHand(lost, "master", compose); !strings.Contains(got, "master's engine (`docker load`)") {
		t.Error(got)
	}
	if got := byHand(lost, "D601", cluster); got == "" || strings.Contains(got, "docker") {
		t.Error(got)
	}
	for _, r := range []RollbackOptions{{}, {OK: true, Candidates: lost.Candidates}, {Candidates: []Candidate{{Registry: UnknownThere, Runs: true}}}} {
		if got := byHand(r, "master", compose); got != "" {
			t.Errorf("%+v: %s", r, got)
		}
	}
}

func TestEachProvenCommitComesOnceNewestFirst(t *testing.T) {
	t.Parallel()
	of := func(digit, id string, o ledger.Outcome) ledger.Receipt {
		r := receiptOf("frontend", artifact.Prod, digit, o)
		r.ID = id
		return r
	}
	var ids []string
	for _, r := range provenOnce([]ledger.Receipt{
		of("a", "6", ledger.Reverted), of("b", "5", ledger.Succeeded), of("a", "4", ledger.Succeeded), of("b", "3", ledger.Succeeded),
		of("c", "2", ledger.Degraded), of("d", "1", ledger.Succeeded), of("e", "0", ledger.Succeeded),
	}, 3) {
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{"5", "4", "1"}, ids); diff != "" {
		t.Error(diff)
	}
}

// While a change is not settled, the version that runs is not called proven.
func TestWhatIsNotConfirmedIsNamed(t *testing.T) {
	t.Parallel()
	runs := workload.Running{Text: "web runs a commit"}
	if got := unconfirmed(runs, nil); got.Text != runs.Text {
		t.Errorf("%q", got.Text)
	}
	left := &workload.Pending{Change: workload.Change{Holder: "deploy of alice", Image: artifact.Pinned{Commit: commitOf("b")}}}
	if got := unconfirmed(runs, left).Text; !strings.Contains(got, "not confirmed") || !strings.Contains(got, "bbbbbbbbbbbb by deploy of alice") {
		t.Errorf("%q", got)
	}
}
