package k3s_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/k3stest"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload/workloadtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret   = "hunter2-of-the-süite"
	password = "the-new-passwört"
	user     = "somebody-new"
	was      = "the-former-passwört"
)

// spec is a workload of two Deployments, of which the first has a Service, and that takes
// a password and a user's name.
func spec() workload.Spec {
	ref, err := workload.NewRef(workload.Kubernetes, "unidesk-dev", "sample")
	if err != nil {
		panic(err)
	}
	return workload.Spec{
		Ref: ref, KeyPrefix: "UNIDESK_DEPLOY_",
		Kubernetes: &workload.KubernetesSpec{
			Deployments: []workload.DeploymentSpec{
				{Name: "web", Container: "app", Service: "web", Probe: workload.Probe{Port: 8080, Path: "/health", Flags: []string{"ready"}}},
				{Name: "worker", Container: "app"},
			},
			Sync: &workload.ConfigSync{Secret: "auth", ConfigMap: "auth", Credentials: []string{"password"}, Settings: []string{"user"}},
		},
	}
}

func values() workload.Values {
	return workload.NewValues(map[string]string{"password": password, "user": user})
}

// world is a node with version 0 live and versions 1 and 2 staged.
type world struct {
	t      *testing.T
	node   *k3stest.Node
	dir    string
	spec   workload.Spec
	images []artifact.Image
	// grace and schedule are the runtime's limits.
	grace, schedule time.Duration
	events          []workload.Event
}

func newWorld(t *testing.T) *world {
	t.Helper()
	images := workloadtest.FakeImages(t, 4)
	for i := range images {
		images[i].Layers = []artifact.Layer{{Digest: artifact.DigestOf([]byte("base")), Size: 100}, {Digest: artifact.DigestOf([]byte{byte(i)}), Size: 10}}
		images[i].Bytes = 110
	}
	w := &world{t: t, spec: spec(), dir: t.TempDir(), images: images, grace: 10 * time.Second, schedule: time.Hour}
	w.node = w.fresh()
	for i := range 3 {
		w.must(w.target().Stage(t.Context(), w.spec.Ref, images[i].Pinned, w.emit))
	}
	c := w.change(0, "live")
	c.Values = workload.NewValues(map[string]string{"password": was, "user": "somebody"})
	w.must(w.target().Switch(t.Context(), c, w.emit))
	w.must(w.settle("live", workload.Keep))
	w.events = nil
	return w
}

// fresh is a node on which no deploy was made.
func (w *world) fresh() *k3stest.Node {
	return k3stest.New(w.spec, map[string]string{"TOKEN": secret}, w.images)
}

func (w *world) emit(e workload.Event) { w.events = append(w.events, e) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v (%s; %s)", err, fault.ReasonOf(err), fault.HintOf(err))
	}
}

func (w *world) runtime() *k3s.Runtime {
	r, err := k3s.New(k3s.Config{Workloads: []workload.Spec{w.spec}, Platform: artifact.Platform{OS: "linux", Architecture: "amd64"}}, w.node, w.node, w.node)
	w.must(err)
	r.SetLimits(w.grace, w.schedule, time.Millisecond)
	return r
}

// target is the next process.
func (w *world) target() *confirm.Target[k3s.State] { return confirm.New(w.runtime(), w.dir) }

func (w *world) observe() workload.Observation {
	w.t.Helper()
	seen, err := w.target().Observe(w.t.Context(), w.spec.Ref, true)
	w.must(err)
	return seen
}

func (w *world) change(n int, id string) workload.Change {
	w.t.Helper()
	img := w.images[n]
	stamps := map[string]string{}
	for _, key := range workload.Keys() {
		stamps[key] = "some-" + strings.ToLower(key)
	}
	stamps[workload.KeyCommit], stamps[workload.KeyRequestedCommit] = img.Commit.String(), img.Commit.String()
	stamps[workload.KeyDigest], stamps[workload.KeyDeployedAt] = img.Manifest.String(), id
	return workload.Change{ID: id, Ref: w.spec.Ref, Image: img.Pinned, Basis: w.observe().Basis, Stamps: stamps, Holder: "somebody", Values: values()}
}

func (w *world) apply(c workload.Change) error {
	w.t.Helper()
	return w.target().Switch(w.t.Context(), c, w.emit)
}

func (w *world) settle(id string, o workload.Outcome) error {
	w.t.Helper()
	s := workload.Settlement{ChangeID: id, Outcome: o}
	if o == workload.Keep {
		s.Proven = proof.Restored(w.observe())
	}
	return w.target().Settle(w.t.Context(), w.spec.Ref, s, w.emit)
}

// fails reports an error's reason, and that its text holds words and no secret.
func (w *world) fails(err error, reason fault.Reason, words ...string) {
	w.t.Helper()
	if err == nil || fault.ReasonOf(err) != reason {
		w.t.Fatalf("got %v (%s), want %s", err, fault.ReasonOf(err), reason)
	}
	text := err.Error() + "\n" + fault.HintOf(err)
	for _, word := range words {
		if !strings.Contains(text, word) {
			w.t.Errorf("%q lacks %q", text, word)
		}
	}
	for _, s := range []string{secret, password, was} {
		if strings.Contains(text, s) {
			w.t.Errorf("a secret is shown: %s", text)
		}
	}
}

// runs fails unless both Deployments run version n, in a pod each, given this password.
func (w *world) runs(n int, pass string) {
	w.t.Helper()
	seen := w.observe()
	if len(seen.Instances) != 2 {
		w.t.Fatalf("want a pod of each Deployment: %+v", seen.Instances)
	}
	for _, in := range seen.Instances {
		w.one(in, n, pass)
	}
	if got := seen.Stamped[workload.KeyCommit]; got != w.images[n].Commit.String() {
		w.t.Errorf("stamped %s, want version %d", got, n)
	}
	if got := w.node.Config()["password"]; got != pass {
		w.t.Errorf("the Secret has %q, want %q", got, pass)
	}
}

func (w *world) one(in workload.Instance, n int, pass string) {
	w.t.Helper()
	if !in.Current || !in.Running || in.Config != w.images[n].Config || in.Stamped[workload.KeyCommit] != w.images[n].Commit.String() {
		w.t.Fatalf("want version %d: %+v", n, in)
	}
	if got := w.node.Given(in)["password"]; got != pass {
		w.t.Errorf("%s was given %q, want %q", in.Name, got, pass)
	}
}

func (w *world) clean() {
	w.t.Helper()
	if p := w.observe().Pending; p != nil {
		w.t.Fatalf("pending: %+v", p)
	}
}

// said reports whether an event has these words.
func (w *world) said(words string) bool {
	for _, e := range w.events {
		if strings.Contains(e.Text, words) {
			return true
		}
	}
	return false
}

var errCrash = errors.New("the process is gone")

// crash makes every act from the n-th on fail, before or after it is done.
func (w *world) crash(n int, after bool) (acts *[]string) {
	acts = &[]string{}
	count := func(act string) error {
		if *acts = append(*acts, act); len(*acts) > n {
			return errCrash
		}
		return nil
	}
	if w.node.Before = count; after {
		dead := false
		w.node.Before = func(string) error {
			if dead {
				return errCrash
			}
			return nil
		}
		w.node.After = func(act string) error {
			err := count(act)
			dead = err != nil
			return err
		}
	}
	return acts
}

func (w *world) alive() { w.node.Before, w.node.After = nil, nil }

func silent() error {
	return fault.Transient(fault.KubernetesUnavailable, "the API server does not answer")
}

// at returns a hook that does something before the n-th act of a name.
func at(name string, n int, do func() error) func(string) error {
	return func(act string) error {
		if strings.HasPrefix(act, name) {
			if n--; n == 0 {
				return do()
			}
		}
		return nil
	}
}
