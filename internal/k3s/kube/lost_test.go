package kube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestALostReplyIsReadBackAndNeverPatchedTwice(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"the connection breaks": hangUp,
		"a gateway gives up": func(w http.ResponseWriter, _ *http.Request) bool {
			return refuse(w, http.StatusGatewayTimeout, "Timeout", "request did not complete within requested timeout")
		},
		"the store's answer is late": func(w http.ResponseWriter, _ *http.Request) bool {
			return refuse(w, http.StatusInternalServerError, "InternalError", "etcdserver: request timed out")
		},
		"the server shuts down": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "0")
			return refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "apiserver is shutting down")
		},
		"the answer is no object": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("<h1>bad gateway</h1>"))
			return true
		},
	} {
		t.Run(name+", after the change", func(t *testing.T) {
			t.Parallel()
			s := newStore()
			s.after = lose
			now, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stampOf("c1"))
			if err != nil || now.Change != "c1" || now.Version != "8" {
				t.Errorf("the change is %q at version %q, %v", now.Change, now.Version, err)
			}
			if s.patches != 1 {
				t.Errorf("%d patches were sent", s.patches)
			}
		})
		t.Run(name+", before the change", func(t *testing.T) {
			t.Parallel()
			s := newStore()
			s.before = lose
			c := serve(t, s.ServeHTTP)
			c.Pace(time.Second, time.Second, time.Second)
			_, err := c.Stamp(t.Context(), web(), stampOf("c1"))
			if !fault.Retryable(err) || !strings.Contains(fmt.Sprint(err), "as it was") && !strings.Contains(fmt.Sprint(err), "was not made") {
				t.Errorf("the error is %v, retryable %v", err, fault.Retryable(err))
			}
			if s.patches != 1 {
				t.Errorf("%d patches were sent", s.patches)
			}
		})
	}
}

func TestAChangeThatLandsAfterItsReplyWasLostIsSeen(t *testing.T) {
	t.Parallel()
	s := newStore()
	reads := 0
	var late *http.Request
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		late = r.Clone(context.Background())
		body := new(strings.Builder)
		_, _ = fmt.Fprintf(body, `[{"path":"/spec/template/metadata/annotations/unidesk.dev~1change","value":"c1"}]`)
		late, _ = http.NewRequest(http.MethodPatch, "/", strings.NewReader(body.String()))
		return hangUp(w, r)
	}
	s.reading = func(http.ResponseWriter) bool {
		if reads++; reads == 2 {
			s.apply(late)
		}
		return false
	}
	now, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stampOf("c1"))
	if err != nil || now.Change != "c1" {
		t.Errorf("the change is %q, %v after %d reads", now.Change, err, reads)
	}
}

// What a template is not, to the byte, is asked of the API server, which changes nothing.
func TestATemplateIsOursIfTheAPIServerMakesIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// now is the image of the Deployment, admitted what the API server makes of any.
		now, admitted string
		want          bool
		patches       int
	}{
		"as it was sent":    {now: stampOf("c1").Image, want: true},
		"of a webhook":      {now: "mirror/web", admitted: "mirror/web", want: true, patches: 1},
		"of another writer": {now: "another/web", patches: 1},
		"of both":           {now: "another/web", admitted: "mirror/web", patches: 1},
	} {
		s := newStore()
		cluster := serve(t, s.ServeHTTP)
		now, err := cluster.Stamp(t.Context(), web(), stampOf("c1"))
		if err != nil {
			t.Fatal(err)
		}
		if ours, err := cluster.Bears(t.Context(), now, stampOf("c2"), web().Template); err != nil || ours || s.patches != 1 {
			t.Errorf("of another change: %v, %v", ours, err)
		}
		now.Template = json.RawMessage(strings.ReplaceAll(string(now.Template), stampOf("c1").Image, c.now))
		s.patches = 0
		s.before = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("dryRun") != "All" {
				t.Errorf("%s: the Deployment is changed", name)
			}
			raw, _ := io.ReadAll(r.Body)
			if c.admitted != "" {
				raw = bytes.ReplaceAll(raw, []byte(stampOf("c1").Image), []byte(c.admitted))
			}
			r.Body = io.NopCloser(bytes.NewReader(raw))
			return false
		}
		if ours, err := cluster.Bears(t.Context(), now, stampOf("c1"), web().Template); err != nil || ours != c.want || s.patches != c.patches {
			t.Errorf("%s: ours %v, %v, %d patches", name, ours, err, s.patches)
		}
	}
}

func TestAnotherVersionEndsTheWaitForALostReply(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.before = func(w http.ResponseWriter, r *http.Request) bool {
		s.object["metadata"].(map[string]any)["resourceVersion"] = "9"
		return hangUp(w, r)
	}
	reads := 0
	s.reading = func(http.ResponseWriter) bool { reads++; return false }
	_, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stampOf("c1"))
	if fault.ReasonOf(err) != fault.KubernetesUnavailable || reads != 1 {
		t.Errorf("%v after %d reads", err, reads)
	}
}

func TestWhatCannotBeReadBackIsSaidToBeUnknown(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.after = hangUp
	s.reading = func(w http.ResponseWriter) bool {
		return refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "apiserver is shutting down")
	}
	c := serve(t, s.ServeHTTP)
	c.Pace(time.Second, time.Second, time.Second)
	_, err := c.Stamp(t.Context(), web(), stampOf("c1"))
	if fault.ReasonOf(err) != fault.KubernetesUnavailable || !fault.Retryable(err) || !strings.Contains(err.Error(), "not known") {
		t.Errorf("the error is %v", err)
	}
}

func TestACallerThatGoesAwayDoesNotEndTheReadBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newStore()
	s.after = func(w http.ResponseWriter, r *http.Request) bool {
		cancel()
		return hangUp(w, r)
	}
	now, err := serve(t, s.ServeHTTP).Stamp(ctx, web(), stampOf("c1"))
	if err != nil || now.Change != "c1" {
		t.Errorf("the change is %q, %v", now.Change, err)
	}
}

func TestAPatchNamesTheTimeByWhichTheServerGivesItUp(t *testing.T) {
	t.Parallel()
	s := newStore()
	given := ""
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		given = r.URL.Query().Get("timeout")
		return false
	}
	if _, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stampOf("c1")); err != nil || given != "20s" {
		t.Errorf("timeout=%q, %v", given, err)
	}
}

func TestTooManyRequestsAreNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "1")
		return refuse(w, http.StatusTooManyRequests, "TooManyRequests", "slow down")
	}
	_, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stampOf("c1"))
	if fault.ReasonOf(err) != fault.KubernetesUnavailable || !fault.Retryable(err) || s.patches != 1 {
		t.Errorf("%d patches, %v", s.patches, err)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		block := make([]byte, 1<<20)
		for range 64 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	if _, err := c.Version(t.Context()); fault.ReasonOf(err) != fault.KubernetesUnavailable || !strings.Contains(err.Error(), "larger") {
		t.Errorf("the error is %v", err)
	}
	if _, err := c.Ask(t.Context(), "unidesk", "web", workload.Probe{Port: 80, Path: "/health"}, 1<<10); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("the proxy's error is %v", err)
	}
}

func TestABodyThatStopsIsNotWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"gitVersion":`))
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := c.Version(ctx); fault.ReasonOf(err) != fault.KubernetesUnavailable || !fault.Retryable(err) {
		t.Errorf("the error is %v", err)
	}
}

func TestARedirectTakesTheTokenNowhere(t *testing.T) {
	t.Parallel()
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	answer, err := c.Ask(t.Context(), "unidesk", "web", workload.Probe{Port: 80, Path: "/health"}, 1<<10)
	if err != nil || answer.Status != http.StatusFound || reached {
		t.Errorf("status %d, %v, followed %v", answer.Status, err, reached)
	}
	if _, err := c.Version(t.Context()); err == nil || reached {
		t.Errorf("%v, followed %v", err, reached)
	}
}

// A server that has not read the rights yet refuses every account.
func TestAnAPIServerThatStartsTakesNoRightsAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refusals, unready int // how often
		status            int // while it is unready
		want              fault.Reason
	}{
		"it starts":              {9, 9, http.StatusInternalServerError, fault.KubernetesUnavailable},
		"it has just begun":      {9, 9, http.StatusForbidden, fault.KubernetesUnavailable},
		"it is ready in between": {1, 0, 0, ""},
		"it means it":            {9, 0, 0, fault.RoleMissing},
	} {
		s := newStore()
		s.reading = func(w http.ResponseWriter) bool {
			c.refusals--
			return c.refusals >= 0 && refuse(w, http.StatusForbidden, "Forbidden", "no")
		}
		k := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				s.ServeHTTP(w, r)
				return
			}
			if c.unready--; c.unready >= 0 {
				w.WriteHeader(c.status)
			}
		})
		sync := workload.ConfigSync{Secret: "auth", ConfigMap: "auth"}
		_, err := k.Configuration(t.Context(), "unidesk", sync)
		if (err != nil || c.want != "") && (fault.ReasonOf(err) != c.want || fault.Retryable(err) != (c.want == fault.KubernetesUnavailable)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAPIServerThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nil)
	c := connect(t, s.URL, nil, jwt(time.Now(), time.Now().Add(time.Hour)))
	s.Close()
	_, err := c.Version(t.Context())
	if fault.ReasonOf(err) != fault.KubernetesUnavailable || !fault.Retryable(err) || strings.Count(err.Error(), s.URL) != 1 {
		t.Errorf("the error is %v", err)
	}
	began := time.Now()
	if _, err = c.Stamp(t.Context(), web(), stampOf("c1")); fault.ReasonOf(err) != fault.KubernetesUnavailable || !fault.Retryable(err) {
		t.Errorf("the error is %v after %v", err, time.Since(began))
	}
}

func TestAServerOfAnotherAuthorityIsNotTrusted(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	c := connect(t, s.URL, []byte{}, "x")
	_, err := c.Version(t.Context())
	if fault.ReasonOf(err) != fault.KubernetesUnavailable || fault.Retryable(err) || !strings.Contains(fault.HintOf(err), "CA file") {
		t.Errorf("the error is %v, hint %q", err, fault.HintOf(err))
	}
}

func TestTheWatchBeginsAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{
		"after 410":           `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,"reason":"Expired","message":"too old resource version"}}` + "\n",
		"after a broken line": `{"type":"ADD`,
		"after an end":        "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := make(chan struct{}, 100)
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(end))
				select {
				case began <- struct{}{}:
				default:
				}
			})
			c.Pace(time.Second, time.Hour, 10*time.Millisecond)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				c.Watch(ctx, "unidesk", []string{"web"}, func() {})
			}()
			for range 6 { // three times each of the two watches
				<-began
			}
			cancel()
			<-done
		})
	}
}

func TestAWatchThatSaysNothingStillWakes(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden, "Forbidden", "no") })
	c.Pace(time.Second, 10*time.Millisecond, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	wakes := 0
	c.Watch(ctx, "unidesk", []string{"web"}, func() {
		if wakes++; wakes == 3 {
			cancel()
		}
	})
	if wakes != 3 {
		t.Errorf("%d calls", wakes)
	}
}

func TestErrorsOfTheAPIServerAreBoundedAndPlain(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.before = func(w http.ResponseWriter, _ *http.Request) bool {
		return refuse(w, http.StatusUnprocessableEntity, "Invalid", "\x1b[31m"+strings.Repeat("ü", 1000))
	}
	_, err := serve(t, s.ServeHTTP).Stamp(t.Context(), web(), stampOf("c1"))
	if fault.ReasonOf(err) != fault.RolloutFailed || strings.ContainsRune(err.Error(), '\x1b') || len(err.Error()) > 600 {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
	if e := (*fault.Error)(nil); !errors.As(err, &e) {
		t.Error("no fault")
	}
}

func TestAnAnswerOfTheServiceIsToldFromOneOfTheAPIServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer  func(w http.ResponseWriter)
		status  int
		nobody  string
		missing fault.Reason
	}{
		"a page that is no JSON": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("oops"))
		}, status: 500},
		"no endpoint": {answer: func(w http.ResponseWriter) {
			refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", `no endpoints available for service "web"`)
		}, nobody: "no endpoints"},
		"no right":   {answer: func(w http.ResponseWriter) { refuse(w, http.StatusForbidden, "Forbidden", "no") }, missing: fault.RoleMissing},
		"no Service": {answer: func(w http.ResponseWriter) { refuse(w, http.StatusNotFound, "NotFound", "no") }, missing: fault.WorkloadNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := ""
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { path = r.URL.Path; test.answer(w) })
			answer, err := c.Ask(t.Context(), "unidesk", "web", workload.Probe{Port: 8080, Path: "/health/"}, 1<<10)
			if answer.Status != test.status || !strings.HasPrefix(answer.Unreached, test.nobody) || (err != nil) != (test.missing != "") {
				t.Errorf("%+v, %v", answer, err)
			}
			if test.missing != "" && fault.ReasonOf(err) != test.missing {
				t.Errorf("the error is %v", err)
			}
			if path != "/api/v1/namespaces/unidesk/services/http:web:8080/proxy/health/" {
				t.Errorf("asked at %s", path)
			}
		})
	}
}
