//go:build integration

package agent_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// stallable is a registry whose blobs can be held back.
func (h *host) stallable(registry http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.stall.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			select {
			case h.asked <- r.URL.Path:
			default:
			}
			<-r.Context().Done()
			return
		}
		registry.ServeHTTP(w, r)
	})
}

// crash kills the engine, and returns how to start it again.
func (h *host) crash(t *testing.T) (revive func()) {
	t.Helper()
	h.engine.Crash()
	revive = sync.OnceFunc(func() {
		if err := h.engine.Revive(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(revive)
	return revive
}

// own skips a test that crashes the engine if that is not the lab's alone.
func (h *host) own(t *testing.T) {
	t.Helper()
	if !h.engine.Private {
		t.Skip("the engine is the machine's, and is not to be crashed")
	}
}

// journal waits until the agent has written a line with all of these.
func (p *project) journal(t *testing.T, parts ...string) {
	t.Helper()
	waitFor(t, func() bool {
		b, err := os.ReadFile(p.config + ".log")
		if err != nil {
			t.Fatal(err)
		}
	lines:
		for line := range strings.Lines(string(b)) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return true
		}
		return false
	})
}

// What the host cannot let go of reaches the caller and the journal.
func staying(t *testing.T, h *host) {
	p := newProject(t, h, 1)
	p.run(t, "")
	target := p.target(t)
	if err := target.Switch(t.Context(), p.plan(t, target, 0, "a", 5*time.Minute), ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	foreign := "unidesk-keep-" + p.spec.Compose.ContainerName
	if _, err := h.engine.Docker(t.Context(), "create", "--name", foreign, p.spec.Compose.Image, "/none"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.engine.Docker(context.WithoutCancel(t.Context()), "rm", foreign); err != nil {
			t.Error(err)
		}
	})
	s := workload.Settlement{ChangeID: "a", Outcome: workload.Keep}
	for _, in := range p.observe(t, target).Instances {
		s.Proven = append(s.Proven, in.Copy())
	}
	var warned []string
	err := target.Settle(t.Context(), p.spec.Ref, s, func(e workload.Event) {
		if e.Warning {
			warned = append(warned, e.Text)
		}
	})
	if err != nil || len(warned) != 1 || !strings.Contains(warned[0], foreign) {
		t.Errorf("%v, warned of %q", err, warned)
	}
	p.journal(t, "WARN", "older images stay", foreign, p.spec.Ref.String())
}

// A revert waits for an engine that crashed.
func engineGone(t *testing.T, h *host) {
	h.own(t)
	p := newProject(t, h, 2)
	p.live(t)
	target := p.target(t)
	if err := target.Switch(t.Context(), p.plan(t, target, 1, "b", 5*time.Minute), ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	revive := h.crash(t)
	done := make(chan error, 1)
	var told []string
	go func() {
		done <- target.Settle(t.Context(), p.spec.Ref, workload.Settlement{ChangeID: "b", Outcome: workload.Revert}, func(e workload.Event) {
			told = append(told, e.Text)
		})
	}()
	p.journal(t, "waiting for up to", "settle", p.spec.Ref.String())
	revive()
	if err := <-done; err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	if !strings.Contains(strings.Join(told, "\n"), "waiting for up to") {
		t.Errorf("reported %q", told)
	}
	p.want(t, target, 0)
}

// A pull goes on when its engine is there again.
func killedPull(t *testing.T, h *host) {
	h.own(t)
	p := newProject(t, h, 2)
	p.live(t)
	target := p.target(t)
	h.stall.Store(true)
	defer h.stall.Store(false)
	waits, done := make(chan struct{}), make(chan error, 1)
	go func() {
		told := false
		done <- target.Stage(t.Context(), p.spec.Ref, p.images[1].Pinned, func(e workload.Event) {
			if !told && strings.HasPrefix(e.Text, "waiting for up to") {
				told = true
				close(waits)
			}
		})
	}()
	ended := func(err error) { t.Fatalf("staging ended by itself: %v (%s)", err, fault.ReasonOf(err)) }
	select {
	case <-h.asked:
	case err := <-done:
		ended(err)
	}
	revive := h.crash(t)
	h.stall.Store(false)
	select {
	case <-waits:
	case err := <-done:
		ended(err)
	}
	revive()
	if err := <-done; err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	if err := target.Switch(t.Context(), p.plan(t, target, 1, "b", 5*time.Minute), ignore); err != nil {
		t.Fatal(err, fault.HintOf(err))
	}
	p.keep(t, target, "b")
	p.want(t, target, 1)
}
