package engine_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is an engine that answers loads and questions for an image from its fields,
// and notes what is deleted.
type daemon struct {
	version     string // of its API; "" is 1.41
	load, image func(w http.ResponseWriter, r *http.Request)
	asked       []string
	mu          sync.Mutex
	deleted     []string
}

func (d *daemon) start(t *testing.T) *engine.Client {
	t.Helper()
	mux, version := http.NewServeMux(), stdcmp.Or(d.version, "1.41")
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", version) })
	mux.HandleFunc("POST /v"+version+"/images/load", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		d.load(w, r)
	})
	mux.HandleFunc("GET /v"+version+"/images/{id}/json", func(w http.ResponseWriter, r *http.Request) { d.image(w, r) })
	mux.HandleFunc("DELETE /v"+version+"/images/{id...}", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.deleted = append(d.deleted, r.PathValue("id"))
		d.mu.Unlock()
		_, _ = io.WriteString(w, "[]")
	})
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	c, err := engine.New("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = srv.Close(); <-done })
	return c
}

// answer takes the whole archive and sends these lines.
func answer(lines ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, l := range lines {
			_, _ = io.WriteString(w, l+"\r\n")
		}
	}
}

func TestALoadIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	const progress = `{"status":"Loading layer","progressDetail":{"current":5,"total":9},"id":"abc"}`
	tests := map[string]struct {
		lines   []string
		want    engine.Loaded
		err     string
		reason  fault.Reason
		deleted []string
	}{
		"with the name asked for": {
			lines: []string{progress, `{"stream":"Loaded image: x:1\n"}`}, want: engine.Loaded{References: []string{"x:1"}},
		},
		"of a prefix, without its name": {
			lines: []string{`{"stream":"Loaded image ID: sha256:12\n"}`}, err: "did not make the name", reason: fault.EngineFailed,
		},
		"with an error after progress": {
			lines: []string{progress, `{"errorDetail":{"message":"boom"},"error":"boom"}`}, err: "boom", reason: fault.EngineFailed,
		},
		"with an error and then success": {
			lines: []string{`{"error":"boom"}`, `{"stream":"Loaded image: x:1\n"}`}, err: "boom", reason: fault.EngineFailed,
		},
		"that did not unpack": {
			lines: []string{`{"stream":"Loaded image: x:1\nError unpacking image x:1: wrong diff id calculated on extraction\n"}`},
			err:   "Error unpacking image x:1", reason: fault.DigestMismatch,
		},
		"on a full disk": {
			lines: []string{`{"error":"write /x: no space left on device"}`}, err: "no space", reason: fault.DiskFull,
		},
		"with a name too many": {
			lines: []string{`{"stream":"Loaded image: evil:latest\n"}`, `{"stream":"Loaded image: x:1\n"}`},
			err:   `"evil:latest", which was not asked for`, reason: fault.EngineFailed, deleted: []string{"evil:latest"},
		},
		"cut off": {
			lines: []string{progress, `{"stream":"Loaded im`}, err: "read the engine's answer", reason: fault.EngineFailed,
		},
		"in silence": {err: "did not make the name", reason: fault.EngineFailed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &daemon{load: answer(test.lines...)}
			got, err := d.start(t).Load(t.Context(), engine.NewArchive(testImage(t), "x:1", file("three")), time.Minute)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || fault.ReasonOf(err) != test.reason) {
				t.Errorf("%s: %v", fault.ReasonOf(err), err)
			}
			if err == nil {
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("loaded (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(test.deleted, d.deleted); diff != "" {
				t.Errorf("untagged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALoadThatStallsIsGivenUp(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w http.ResponseWriter, r *http.Request){
		"taking nothing":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"answering nothing": func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() },
		"answering half": func(w http.ResponseWriter, r *http.Request) {
			answer(`{"status":"Loading layer"}`)(w, r)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	}
	for name, load := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d := &daemon{load: func(w http.ResponseWriter, r *http.Request) {
				ctx, stop := context.WithCancel(r.Context())
				defer context.AfterFunc(t.Context(), stop)()
				load(w, r.WithContext(ctx))
			}}
			_, err := d.start(t).Load(ctx, engine.NewArchive(testImage(t), "x:1"), 200*time.Millisecond)
			if fault.ReasonOf(err) != fault.EngineFailed || !strings.Contains(err.Error(), "no sign of life") || !strings.Contains(fault.HintOf(err), "51623") {
				t.Errorf("%v, hint %q", err, fault.HintOf(err))
			}
		})
	}
}

func TestASlowLoadIsNotGivenUp(t *testing.T) {
	t.Parallel()
	limit := 500 * time.Millisecond
	d := &daemon{load: func(w http.ResponseWriter, r *http.Request) {
		for range 8 {
			answer(`{"status":"Loading layer"}`)(w, r)
			w.(http.Flusher).Flush()
			time.Sleep(limit / 5)
		}
		answer(`{"stream":"Loaded image: x:1\n"}`)(w, r)
	}}
	load := func() error {
		_, err := d.start(t).Load(t.Context(), engine.NewArchive(testImage(t), "x:1"), limit)
		return err
	}
	err := load()
	for err != nil && limit < time.Minute { // on a busy machine a fifth of it lasts longer
		limit *= 2
		err = load()
	}
	if err != nil {
		t.Error(err)
	}
}

func TestTheArchivesOwnErrorIsTold(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk is gone")
	for name, load := range map[string]func(http.ResponseWriter, *http.Request){
		"before the answer": answer(`{"error":"unexpected EOF"}`),
		"during the answer": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).EnableFullDuplex()
			_, _ = io.WriteString(w, `{"status":"Loading layer"}`)
			w.(http.Flusher).Flush()
			answer(`{"error":"unexpected EOF"}`)(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := file("three")
			f.Open = func() (io.ReadCloser, error) {
				time.Sleep(50 * time.Millisecond) // lets the answer begin
				return nil, broken
			}
			d := &daemon{load: load}
			if _, err := d.start(t).Load(t.Context(), engine.NewArchive(testImage(t), "x:1", f), time.Minute); !errors.Is(err, broken) {
				t.Error(err)
			}
		})
	}
}

func TestACancelledLoadSaysWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := fault.New(fault.Interrupted, "stopped")
	d := &daemon{load: func(_ http.ResponseWriter, r *http.Request) {
		cancel(cause)
		_, _ = io.Copy(io.Discard, r.Body) // an answer could be there before the client has noticed
		<-r.Context().Done()
	}}
	if _, err := d.start(t).Load(ctx, engine.NewArchive(testImage(t), "x:1"), time.Minute); !errors.Is(err, cause) {
		t.Error(err)
	}
}

func TestTheMissingLayerIsFound(t *testing.T) {
	t.Parallel()
	img := testImage(t)
	a := engine.NewArchive(img, "")
	for i, l := range img.Layers {
		err := fmt.Errorf("load: %w", &engine.Refusal{Message: fmt.Sprintf("open /var/lib/docker/tmp/docker-import-1/%s: no such file or directory", path(l.Digest))})
		if got, ok := a.MissingLayer(err); !ok || got != i {
			t.Errorf("%d, %v instead of %d", got, ok, i)
		}
	}
	for _, err := range []error{
		nil, &engine.Refusal{Message: "open /x: no such file or directory"}, &engine.Refusal{Message: path(img.Layers[1].Digest)},
		fmt.Errorf("open %s: no such file or directory", path(img.Layers[1].Digest)), // not an engine's word
	} {
		if got, ok := a.MissingLayer(err); ok {
			t.Errorf("%v: %d", err, got)
		}
	}
}

func TestAnAbsentEngineIsUnavailable(t *testing.T) {
	t.Parallel()
	c, err := engine.New("unix://" + t.TempDir() + "/none")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Info(t.Context()); fault.ReasonOf(err) != fault.EngineUnavailable || !fault.Retryable(err) {
		t.Error(err)
	}
}

func TestTheManifestsAreAskedOfAnEngineThatTellsOfThem(t *testing.T) {
	t.Parallel()
	const layer = `{"Id":"sha256:%[1]s","Descriptor":{"digest":"sha256:%[1]s"},"Manifests":[{"ID":"sha256:%[1]s","Available":true}]}`
	image := fmt.Sprintf(layer, strings.Repeat("a", 64))
	for name, c := range map[string]struct {
		version  string
		refuses  bool
		asked    []string
		complete bool
	}{
		"an engine that tells":    {"1.48", false, []string{"manifests=1"}, true},
		"an engine that does not": {"1.47", false, []string{""}, false},
		"an engine that refuses":  {"1.48", true, []string{"manifests=1", ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &daemon{version: c.version}
			d.image = func(w http.ResponseWriter, r *http.Request) {
				d.asked = append(d.asked, r.URL.RawQuery)
				w.Header().Set("Content-Type", "application/json")
				if c.refuses && r.URL.RawQuery != "" {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, `{"message":"conflicting options"}`)
					return
				}
				_, _ = io.WriteString(w, image)
			}
			got, err := d.start(t).Image(t.Context(), "x:1")
			if diff := cmp.Diff(c.asked, d.asked); diff != "" || err != nil || got.Complete != c.complete {
				t.Errorf("complete %v, %v, asked (-want +got):\n%s", got.Complete, err, diff)
			}
		})
	}
}
