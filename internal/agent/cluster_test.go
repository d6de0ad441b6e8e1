package agent

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// reviews is an API server that lets an account do all that it is asked about. It counts
// the questions, and answers the first only when it is let.
type reviews struct {
	let   chan struct{}
	begun chan struct{} // receives each question of who the account is

	mu    sync.Mutex
	asked map[string]int // by what was asked
}

func (r *reviews) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var review struct {
		Spec struct{ ResourceAttributes json.RawMessage }
	}
	_ = json.NewDecoder(req.Body).Decode(&review)
	_, kind, _ := strings.Cut(req.URL.Path, "/v1/")
	r.mu.Lock()
	r.asked[kind+string(review.Spec.ResourceAttributes)]++
	r.mu.Unlock()
	status := `{}`
	switch kind {
	case "selfsubjectreviews":
		r.begun <- struct{}{}
		<-r.let
		status = `{"userInfo":{"username":"system:serviceaccount:unidesk-system:unidesk-agent"}}`
	case "selfsubjectaccessreviews":
		status = `{"allowed":false}`
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"status":%s}`, status)
}

// clusterAt is a cluster of two services in a namespace.
func clusterAt(t *testing.T, handler http.Handler) *cluster {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	config := kube.Config{Server: s.URL, CAFile: filepath.Join(dir, "ca"), TokenFile: filepath.Join(dir, "token")}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for path, content := range map[string]string{config.CAFile: string(ca), config.TokenFile: "e30.e30.c2ln"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k, err := kube.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	c := &cluster{kube: k}
	for _, name := range []string{"wiki", "web"} {
		ref, err := workload.NewRef(workload.Kubernetes, "unidesk", name)
		if err != nil {
			t.Fatal(err)
		}
		c.specs = append(c.specs, workload.Spec{Ref: ref, Kubernetes: &workload.KubernetesSpec{Deployments: []workload.DeploymentSpec{{Name: name}}}})
	}
	return c
}

// The questions are many: a caller that cannot wait leaves them to the next caller.
func TestWhatTheAccountMayDoIsAskedOnceForAll(t *testing.T) {
	t.Parallel()
	server := &reviews{let: make(chan struct{}), begun: make(chan struct{}, 9), asked: map[string]int{}}
	c := clusterAt(t, server)
	first, giveUp := context.WithCancel(t.Context())
	answer := make(chan leave)
	go func() { answer <- c.ask(first) }()
	<-server.begun
	giveUp()
	if r := <-answer; r.err == nil {
		t.Errorf("a caller that gave up gets %+v", r)
	}
	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if r := c.ask(over); r.err == nil {
		t.Errorf("a caller whose time is over gets %+v", r)
	}
	go func() { answer <- c.ask(t.Context()) }()
	close(server.let)
	r := <-answer
	if r.err != nil || r.Account != "system:serviceaccount:unidesk-system:unidesk-agent" || len(r.Missing) == 0 {
		t.Errorf("%+v", r)
	}
	if again := c.ask(t.Context()); again.at != r.at {
		t.Error("a young answer is asked for again")
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	for what, times := range server.asked {
		if times != 1 {
			t.Errorf("%s is asked %d times", what, times)
		}
	}
}

// An account may change nothing while it is unknown whether it may do everything.
func TestAnAccountOfWhichNothingIsKnownChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		admin  bool
		want   fault.Reason
	}{
		"silent": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, false, fault.KubernetesUnavailable},
		"everything": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"status":{"allowed":true}}`)
		}, false, fault.RoleMissing},
		"everything, and agent.yaml lets it": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, true, ""},
	} {
		k := clusterAt(t, http.HandlerFunc(c.answer))
		k.admin = c.admin
		if err := k.allowed(t.Context()); (err != nil || c.want != "") && fault.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestAnAccountThatIsNotKnownIsReportedWithTheLineToType(t *testing.T) {
	t.Parallel()
	k := clusterAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	images, err := cri.New(filepath.Join(t.TempDir(), "nobody.sock"), "127.0.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = images.Close() })
	k.images = images
	trouble := k.describe(t.Context()).Trouble
	for _, words := range []string{"does not know the agent's account", "kubectl -n unidesk-system create token unidesk-agent"} {
		if !strings.Contains(trouble, words) {
			t.Errorf("%q lacks %q", trouble, words)
		}
	}
}

// Section kubernetes on a host without k3s.
func TestAClusterThatCannotBeServedIsReported(t *testing.T) {
	t.Parallel()
	c, err := Load(strings.NewReader(clusterYAML("token: " + t.TempDir() + "/token")))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(c, "v", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.placed.find(t.Context(), workload.Ref{})
	for _, words := range []string{"kubectl -n unidesk-system create token unidesk-agent", "systemctl restart unidesk-agent", "take the section kubernetes out"} {
		if fault.ReasonOf(err) != fault.KubernetesUnavailable || !strings.Contains(fault.HintOf(err), words) {
			t.Errorf("%v (%s), %q, want %q", err, fault.ReasonOf(err), fault.HintOf(err), words)
		}
	}
	d, err := (&facts{cluster: a.placed.cluster, unserved: a.placed.unserved}).Describe(t.Context())
	if err != nil || d.Cluster == nil || d.Cluster.Version != "" || !strings.Contains(d.Cluster.Trouble, "no such file") || !strings.Contains(d.Cluster.Trouble, "create token unidesk-agent") {
		t.Errorf("%v, %+v", err, d.Cluster)
	}
}
