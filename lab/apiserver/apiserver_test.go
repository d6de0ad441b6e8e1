//go:build integration

package apiserver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
)

// A single server is enough for all that the test asks of it.
func TestAnAPIServerAlone(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s, err := apiserver.Start(t.Context(), apiserver.Config{Dir: t.TempDir(), Controllers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("up in %s", time.Since(began).Round(100*time.Millisecond))

	t.Run("kubectl takes its kubeconfig", func(t *testing.T) {
		if out := kubectl(t, s.Kubeconfig, "get", "namespaces", "--output", "name"); !strings.Contains(out, "namespace/kube-system") {
			t.Errorf("the namespaces are %q", out)
		}
	})
	t.Run("a ServiceAccount has the rights that it is bound to", func(t *testing.T) {
		kubectl(t, s.Kubeconfig, "create", "serviceaccount", "reader", "--namespace", "default")
		kubectl(t, s.Kubeconfig, "create", "role", "reader", "--namespace", "default", "--verb=get,list", "--resource=deployments.apps")
		kubectl(t, s.Kubeconfig, "create", "rolebinding", "reader", "--namespace", "default", "--role=reader", "--serviceaccount=default:reader")
		token := request(t, s.Client, http.MethodPost, s.URL+"/api/v1/namespaces/default/serviceaccounts/reader/token",
			`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":600}}`, http.StatusCreated)
		var answer struct{ Status struct{ Token string } }
		if err := json.Unmarshal(token, &answer); err != nil || answer.Status.Token == "" {
			t.Fatalf("the token request is answered by %.200s, %v", token, err)
		}
		for path, want := range map[string]int{
			"/apis/apps/v1/namespaces/default/deployments":     http.StatusOK,
			"/apis/apps/v1/namespaces/kube-system/deployments": http.StatusForbidden,
			"/api/v1/namespaces/default/secrets":               http.StatusForbidden,
		} {
			request(t, bearer(s, answer.Status.Token), http.MethodGet, s.URL+path, "", want)
		}
	})
	t.Run("a client without papers is not known", func(t *testing.T) {
		request(t, bearer(s, "x"), http.MethodGet, s.URL+"/api/v1/namespaces", "", http.StatusUnauthorized)
	})
	t.Run("a user without a role may do nothing", func(t *testing.T) {
		client, err := s.Papers.Client(nil, "somebody")
		if err != nil {
			t.Fatal(err)
		}
		request(t, client, http.MethodGet, s.URL+"/api/v1/namespaces", "", http.StatusForbidden)
	})
	t.Run("it keeps what it stored while it is stopped", func(t *testing.T) {
		kubectl(t, s.Kubeconfig, "create", "namespace", "kept")
		if err := s.StopAPI(); err != nil {
			t.Fatal(err)
		}
		if response, err := s.Client.Get(s.URL + "/readyz"); err == nil {
			_ = response.Body.Close()
			t.Errorf("a stopped server answers %s", response.Status)
		}
		if err := s.StartAPI(t.Context()); err != nil {
			t.Fatal(err)
		}
		kubectl(t, s.Kubeconfig, "get", "namespace", "kept")
	})
	t.Run("the controllers act", func(t *testing.T) {
		kubectl(t, s.Kubeconfig, "create", "deployment", "some", "--namespace", "default", "--image=127.0.0.1:5000/some:1")
		kubectl(t, s.Kubeconfig, "wait", "--for=create", "--timeout=2m", "--namespace", "default", "pod", "--selector", "app=some")
	})
}

func kubectl(t *testing.T, kubeconfig string, args ...string) string {
	t.Helper()
	programs, err := apiserver.Programs()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "kubectl"), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %q: %v: %s", args, err, out)
	}
	return string(out)
}

// bearer is a client that has a token and no certificate.
func bearer(s *apiserver.Server, token string) *http.Client {
	settings := s.Client.Transport.(*http.Transport).TLSClientConfig.Clone()
	settings.Certificates = []tls.Certificate{}
	return &http.Client{Transport: withToken{token, &http.Transport{TLSClientConfig: settings}}}
}

type withToken struct {
	token string
	next  http.RoundTripper
}

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.token)
	return w.next.RoundTrip(r)
}

func request(t *testing.T, client *http.Client, method, url, body string, want int) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("it answers %s, want %d", response.Status, want)
	}
	if err != nil {
		t.Errorf("%s %s: %v: %.300s", method, url, err, said)
	}
	return said
}
