// Package page serves what a watch published as web pages: what is live, the deploys of a
// service, a deploy as it goes on, hosts and registry. It reads the folder of a
// [snapshot.Publisher] and nothing else, takes no input but addresses, and changes nothing.
//
// Files, from the top: serve.go, page.go, stream.go, server.go, words.go, view.go, data.go,
// guard.go.
package page

import (
	"bytes"
	"html"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// Handler returns what answers requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page("live", func(_ *http.Request, d data) (any, error) { return d.live(), nil }))
	mux.HandleFunc("GET /services/{service}", s.page("service", func(r *http.Request, d data) (any, error) { return d.service(r.PathValue("service")) }))
	mux.HandleFunc("GET /receipts/{id}", s.page("receipt", func(r *http.Request, d data) (any, error) { return d.receipt(r.PathValue("id")) }))
	mux.HandleFunc("GET /runs/{id}", s.page("run", func(r *http.Request, d data) (any, error) { return d.run(r.PathValue("id")) }))
	mux.HandleFunc("GET /hosts", s.page("hosts", func(_ *http.Request, d data) (any, error) { return d.Snapshot, nil }))
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /status.json", s.statusJSON)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /assets/{name}", s.asset)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, notFound("page", r.URL.Path)) })
	return guarded(mux)
}

// frame is what each page has around its own part.
type frame struct {
	Title string
	// At is when the snapshot was taken; the zero value if there is none.
	At    time.Time
	Stale bool
	Path  string
	// Key is the [data.key], "" for a page that does not change.
	Key  string
	Body any
}

// page returns the handler of a view.
func (s *Server) page(name string, body func(*http.Request, data) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, err := s.read()
		if err != nil {
			s.fail(w, r, err)
			return
		}
		content, err := body(r, d)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		title := path.Base(r.URL.Path)
		if title == "/" {
			title = "live"
		}
		s.render(w, r, http.StatusOK, name, d, frame{
			Title: title, At: d.Snapshot.Status.At, Stale: d.stale(), Path: r.URL.Path, Key: d.key(), Body: content,
		})
	}
}

// render writes a whole page or none.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, name string, d data, f frame) {
	view, err := s.views[name].Clone()
	var page bytes.Buffer
	if err == nil {
		err = view.Funcs(words(&d)).Execute(&page, f)
	}
	if err != nil {
		s.Log.Error("a page cannot be made", slog.String("path", r.URL.Path), slog.Any("err", err))
		http.Error(w, "this page cannot be made; the log of unidesk-page has the reason", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(remedy.Typed(page.String(), d.Snapshot.Config, html.EscapeString))) // the reader went away
}

// fail writes the page of an error.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusServiceUnavailable
	if fault.ReasonOf(err) == fault.ReceiptNotFound {
		status = http.StatusNotFound
	} else {
		s.Log.Warn("the snapshot cannot be shown", slog.String("path", r.URL.Path), slog.Any("err", err))
	}
	s.render(w, r, status, "error", data{Now: s.Now()}, frame{Title: http.StatusText(status), Path: r.URL.Path, Body: fault.ReportOf(err)})
}

// asset writes a file of the page. No part of a file is served: the files are small.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	kind := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(name)]
	content, err := assets.ReadFile("assets/" + name)
	if err != nil || kind == "" {
		s.fail(w, r, notFound("file", name))
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(content) // the reader went away
}

// statusJSON writes what `status -o json` prints.
func (s *Server) statusJSON(w http.ResponseWriter, _ *http.Request) {
	snap, err := s.snapshot()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	var text strings.Builder
	if err := document.Write(&text, snap.Status); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(remedy.Typed(text.String(), snap.Config, remedy.InJSON))) // the reader went away
}

// healthz answers 200 as long as a watch publishes.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	d, err := s.read()
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case d.stale():
		http.Error(w, "the snapshot is of "+plain.Stamp(d.Snapshot.Status.At)+": no watch writes it", http.StatusServiceUnavailable)
	default:
		_, _ = w.Write([]byte("ok\n"))
	}
}
