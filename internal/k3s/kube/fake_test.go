package kube_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// serve returns a cluster whose API server is the handler: for faults that a real
// server cannot be made to show.
func serve(t *testing.T, handle http.HandlerFunc) *kube.Cluster {
	t.Helper()
	s := httptest.NewTLSServer(handle)
	t.Cleanup(s.Close)
	return connect(t, s.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), jwt(time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
}

// connect returns the cluster at a URL.
func connect(t *testing.T, url string, ca []byte, token string) *kube.Cluster {
	t.Helper()
	dir := t.TempDir()
	config := kube.Config{Server: url, CAFile: filepath.Join(dir, "ca"), TokenFile: filepath.Join(dir, "token")}
	for name, content := range map[string][]byte{config.CAFile: ca, config.TokenFile: []byte(token)} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := kube.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// jwt returns a token of unidesk/agent without a signature.
func jwt(issued, expires time.Time) string {
	claims := fmt.Sprintf(`{"iat":%d,"exp":%d,"kubernetes.io":{"namespace":"unidesk","serviceaccount":{"name":"agent"}}}`, issued.Unix(), expires.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// store is an API server with a single Deployment. It takes or refuses a patch by the
// change that the patch names.
type store struct {
	mu      sync.Mutex
	object  map[string]any
	patches int
	// before is called with each patch before it is stored, after with each that was; if
	// either returns true, it has answered.
	before, after func(w http.ResponseWriter, r *http.Request) bool
	// reading is called before each read.
	reading func(w http.ResponseWriter) bool
}

func newStore() *store {
	return &store{object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "web", "namespace": "unidesk", "uid": "u1", "resourceVersion": "7"},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": "web"}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "web"}},
				"spec":     map[string]any{"containers": []any{map[string]any{"name": "app", "image": "127.0.0.1:5000/unidesk/web:old"}}},
			},
		},
	}}
}

// ServeHTTP implements [http.Handler].
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPatch {
		if s.reading == nil || !s.reading(w) {
			reply(w, http.StatusOK, s.object)
		}
		return
	}
	s.patches++
	if s.before != nil && s.before(w, r) {
		return
	}
	s.apply(r)
	if s.after == nil || !s.after(w, r) {
		reply(w, http.StatusOK, s.object)
	}
}

// apply stores the template or the change's id, and the next version.
func (s *store) apply(r *http.Request) {
	var patch []struct {
		Path  string
		Value any
	}
	_ = json.NewDecoder(r.Body).Decode(&patch)
	for _, op := range patch {
		if op.Path == "/spec/template" {
			s.object["spec"].(map[string]any)["template"] = op.Value
		}
		if strings.HasSuffix(op.Path, "/unidesk.dev~1change") {
			meta := s.object["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)
			meta["annotations"] = map[string]any{workload.ChangeAnnotation: op.Value}
		}
	}
	s.object["metadata"].(map[string]any)["resourceVersion"] = "8"
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refuse answers with an API server's error.
func refuse(w http.ResponseWriter, code int, reason, message string) bool {
	reply(w, code, map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
	})
	return true
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
	return true
}

func web() kube.Deployment {
	return kube.Deployment{
		Namespace: "unidesk", Name: "web", UID: "u1", Version: "7",
		Template: json.RawMessage(`{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"app","image":"127.0.0.1:5000/unidesk/web:old"}]}}`),
	}
}

func stampOf(change string) kube.Stamp {
	values := map[string]string{}
	for _, key := range workload.Keys() {
		values[key] = "value-of-" + strings.ToLower(key)
	}
	return kube.Stamp{Change: change, Container: "app", Image: "127.0.0.1:5000/unidesk/web:new", KeyPrefix: "UNIDESK_DEPLOY_", Values: values}
}
