package page

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// streamEvery is the time between two looks for something new.
	streamEvery = time.Second / 2
	// quietFor is after how long a stream shows that it lives.
	quietFor = 15 * time.Second
	// mostStream is how long a stream goes on. A browser begins another one.
	mostStream = 10 * time.Minute
)

// news is a line of a run as the script of a page takes it.
type news struct {
	Run   string         `json:"run"`
	Point workload.Point `json:"point"`
	Text  string         `json:"text"`
	// Time names the line, Seconds is how long the run had gone on.
	Time    string  `json:"time"`
	Seconds float64 `json:"seconds"`
	Done    int64   `json:"done"`
	Total   int64   `json:"total"`
	Bytes   string  `json:"bytes"`
	Warning bool    `json:"warning"`
}

// events streams the newest line of each run that goes on, and when the pages are other pages:
// after a new snapshot, and after a run has begun or has ended.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many streams are open", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), mostStream)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	out := stream{w: w, control: http.NewResponseController(w)}
	runs, ended := snapshot.Runs(s.Folder), map[string]bool{}
	// The page has the key of what it shows; a browser that comes back has that of the last event.
	last := scene{key: cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("key")), lines: map[string]journal.Line{}}
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for out.err == nil {
		now := s.scene(runs, ended)
		if now.key != last.key {
			out.send("changed", now.key, now.key)
		}
		for id, l := range now.lines {
			if l != last.lines[id] {
				out.send("line", now.key, newsOf(l))
			}
		}
		last = now
		out.beat(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// scene is what the pages show at a time.
type scene struct {
	// key is another one when the pages are.
	key   string
	lines map[string]journal.Line // by the run that goes on
}

// scene looks. It adds to ended the runs that have ended, which are not read again.
func (s *Server) scene(runs *journal.Journal, ended map[string]bool) scene {
	now := scene{lines: map[string]journal.Line{}}
	newest := ""
	list, _ := runs.Runs(journal.Query{Skip: func(id string) bool {
		newest = max(newest, id)
		return ended[id]
	}}) // a run that begins has no line yet
	var running []string
	for _, run := range list {
		switch {
		case run.State == journal.Running:
			now.lines[run.ID] = run.Last
			running = append(running, run.ID)
		case run.Last.End != nil:
			ended[run.ID] = true
		}
	}
	var at time.Time
	stale := true
	if snap, err := s.snapshot(); err == nil {
		at, stale = snap.Status.At, !snapshot.Watched(s.Folder) || snap.Stale(s.Now())
	}
	now.key = keyOf(at, stale, newest, running)
	return now
}

func newsOf(l journal.Line) news {
	n := news{Run: l.Run, Point: l.Point, Text: plain.Line(l.Text), Done: l.Done, Total: l.Total, Warning: l.Warning, Time: exact(l.Time)}
	if began, ok := ledger.Made(l.Run); ok {
		n.Seconds = l.Time.Sub(began).Seconds()
	}
	if l.Total > 0 {
		n.Bytes = plain.Size(l.Done) + " of " + plain.Size(l.Total)
	}
	return n
}

// stream writes events to a reader, until the first error.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    time.Time
	err     error
}

func (o *stream) send(event, id string, value any) {
	content, err := json.Marshal(value)
	if err != nil {
		o.err = err
		return
	}
	o.write("event: " + event + "\nid: " + id + "\ndata: " + string(content) + "\n\n")
}

// beat shows a quiet stream's reader that it lives.
func (o *stream) beat(now time.Time) {
	if o.last.IsZero() || now.Sub(o.last) > quietFor {
		o.write(": still here\n\n")
	}
}

func (o *stream) write(text string) {
	if o.err != nil {
		return
	}
	o.last = time.Now()
	if o.err = o.control.SetWriteDeadline(o.last.Add(timeToWrite)); o.err != nil {
		return
	}
	if _, o.err = o.w.Write([]byte(text)); o.err == nil {
		o.err = o.control.Flush()
	}
}
