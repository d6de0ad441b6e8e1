package page

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
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
	Run   string `json:"run"`
	Point string `json:"point"`
	Text  string `json:"text"`
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
	// The page has the key of what it shows; a browser that comes back has that of the last event.
	key, shown := cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("key")), map[string]journal.Line{}
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	for out.err == nil {
		d, _ := s.read() // without a snapshot the pages are those of an error
		if now := d.key(); now != key {
			key = now
			out.send("changed", key, key)
		}
		lines := map[string]journal.Line{}
		for _, run := range d.running() {
			if lines[run.ID] = run.Last; run.Last != shown[run.ID] {
				out.send("line", key, newsOf(run.Last, d.Snapshot.Config))
			}
		}
		shown = lines
		out.beat(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func newsOf(l journal.Line, config string) news {
	n := news{Run: l.Run, Point: plain.Label(l.Point), Text: remedy.Typed(plain.Line(l.Text), config, nil), Bytes: bytesOf(l), Done: l.Done, Total: l.Total, Warning: l.Warning, Time: exact(l.Time)}
	if began, ok := ledger.Made(l.Run); ok {
		n.Seconds = l.Time.Sub(began).Seconds()
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
