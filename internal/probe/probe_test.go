package probe_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/probe"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers with handler and returns its address and port.
func serve(t *testing.T, handler http.HandlerFunc) ([]netip.Addr, int) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return place(t, s.Listener.Addr())
}

func place(t *testing.T, a net.Addr) ([]netip.Addr, int) {
	t.Helper()
	at := netip.MustParseAddrPort(a.String())
	return []netip.Addr{at.Addr()}, int(at.Port())
}

func TestWhatAnAnswerIsWorth(t *testing.T) {
	t.Parallel()
	const commit = "0123456789abcdef0123456789abcdef01234567"
	flags := []string{"auth.configured", "auth.loggedIn"}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   workload.Health
	}{
		"all that is wanted": {
			200, `{"ok":true,"deploy":{"commit":"` + commit + `","requestedCommit":"` + commit + `"},"auth":{"configured":true,"loggedIn":false},"more":[1]}`,
			workload.Health{Status: 200, OK: true, Commit: commit, RequestedCommit: commit, Flags: map[string]bool{"auth.configured": true, "auth.loggedIn": false}},
		},
		"no ok, and HTTP says well":          {200, `{}`, workload.Health{Status: 200, OK: true}},
		"ok is false":                        {200, `{"ok":false}`, workload.Health{Status: 200}},
		"ok is not a boolean":                {200, `{"ok":"yes"}`, workload.Health{Status: 200}},
		"ok is true and HTTP says no":        {503, `{"ok":true,"deploy":{"commit":"` + commit + `"}}`, workload.Health{Status: 503, Commit: commit}},
		"fields of other types":              {200, `{"deploy":{"commit":7},"auth":{"configured":"true"}}`, workload.Health{Status: 200, OK: true}},
		"deploy is not an object":            {200, `{"deploy":"x"}`, workload.Health{Status: 200, OK: true}},
		"a commit that is an escape":         {200, `{"deploy":{"commit":"\u001b[31mred"}}`, workload.Health{Status: 200, OK: true}},
		"a commit longer than any":           {200, `{"deploy":{"commit":"` + strings.Repeat("a", 65) + `"}}`, workload.Health{Status: 200, OK: true}},
		"not JSON":                           {200, `<html>secret</html>`, workload.Health{Status: 200, Error: "the answer is not a JSON object"}},
		"a list":                             {200, `[1]`, workload.Health{Status: 200, Error: "the answer is not a JSON object"}},
		"null":                               {200, `null`, workload.Health{Status: 200, Error: "the answer is not a JSON object"}},
		"an error page":                      {500, `secret stack trace`, workload.Health{Status: 500, Error: "HTTP 500 without a JSON object"}},
		"a redirect":                         {302, ``, workload.Health{Status: 302, Error: "redirects to another place (HTTP 302)"}},
		"more than anybody wants":            {200, `"` + strings.Repeat("a", 1<<20) + `"`, workload.Health{Status: 200, Error: "the answer is larger than 1 MiB"}},
		"JSON with something behind it":      {200, `{"ok":true} and more`, workload.Health{Status: 200, Error: "the answer is not a JSON object"}},
		"nothing":                            {200, ``, workload.Health{Status: 200, Error: "the answer is not a JSON object"}},
		"nested deeper than a parser likes":  {200, strings.Repeat(`{"a":`, 20000), workload.Health{Status: 200, Error: "the answer is not a JSON object"}},
		"a flag that is an object, not bool": {200, `{"auth":{"configured":{}}}`, workload.Health{Status: 200, OK: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addrs, port := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/health" || r.Method != http.MethodGet {
					http.NotFound(w, r)
					return
				}
				if tt.status == 302 {
					w.Header().Set("Location", "http://127.0.0.1:1/")
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			got := probe.New(0).Ask(t.Context(), addrs, workload.Probe{Port: port, Path: "/api/health", Flags: flags})
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhyThereIsNoAnswer(t *testing.T) {
	t.Parallel()
	raw := func(t *testing.T, act func(net.Conn)) ([]netip.Addr, int) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if c, err := l.Accept(); err == nil {
				act(c)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = l.Close(); <-done })
		return place(t, l.Addr())
	}
	request := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
	for name, tt := range map[string]struct {
		act  func(net.Conn)
		want string
	}{
		"silence":                {func(c net.Conn) { request(c); _, _ = io.Copy(io.Discard, c) }, "no answer in time"},
		"hangs up":               {request, "connection closed without an answer"},
		"another protocol":       {func(c net.Conn) { request(c); _, _ = fmt.Fprint(c, "SSH-2.0-x\r\n\r\n") }, "the answer is not HTTP"},
		"breaks off in the body": {func(c net.Conn) { request(c); _, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{") }, "the answer breaks off: connection closed without an answer"},
		"a body that never comes": {func(c net.Conn) {
			request(c)
			_, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n{")
			_, _ = io.Copy(io.Discard, c)
		}, "the answer breaks off: no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addrs, port := raw(t, tt.act)
			got := probe.New(300*time.Millisecond).Ask(t.Context(), addrs, workload.Probe{Port: port, Path: "/"})
			if got.Error != tt.want || got.OK {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs, port := place(t, l.Addr())
		_ = l.Close()
		if got := probe.New(0).Ask(t.Context(), addrs, workload.Probe{Port: port, Path: "/"}); got.Error != "connection refused" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("no address", func(t *testing.T) {
		t.Parallel()
		if got := probe.New(0).Ask(t.Context(), nil, workload.Probe{Port: 80, Path: "/"}); got.Error != "the container has no address" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a probe that is not one", func(t *testing.T) {
		t.Parallel()
		for _, q := range []workload.Probe{{Port: 0, Path: "/"}, {Port: 70000, Path: "/"}, {Port: 80, Path: "@evil/"}} {
			if got := probe.New(0).Ask(t.Context(), []netip.Addr{netip.MustParseAddr("127.0.0.1")}, q); got.Error != "the probe's port or path is not valid" {
				t.Errorf("%+v: %+v", q, got)
			}
		}
	})
}

func TestTheSecondAddressIsAskedWhenTheFirstIsDead(t *testing.T) {
	t.Parallel()
	_, port := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"ok":true}`) })
	// Only 127.0.0.1 is listened on: 127.0.0.2 refuses.
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}
	if got := probe.New(0).Ask(t.Context(), addrs, workload.Probe{Port: port, Path: "/"}); !got.OK {
		t.Errorf("%+v", got)
	}
}

func TestAnEndedContextEndsTheQuestion(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := probe.New(0).Ask(ctx, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, workload.Probe{Port: 9, Path: "/"})
	if got.Error != "the question was given up" {
		t.Errorf("%+v", got)
	}
}
