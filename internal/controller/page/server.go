package page

import (
	"cmp"
	"embed"
	"html/template"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
)

//go:embed assets
var assets embed.FS

//go:embed templates
var sources embed.FS

// Server answers from the snapshot in a folder.
type Server struct {
	Folder string
	Log    *slog.Logger
	// Now returns the time.
	Now func() time.Time

	streams chan struct{} // a place for each stream that goes on
	views   map[string]*template.Template

	mu    sync.Mutex
	file  os.FileInfo // of the snapshot that was read last
	snap  snapshot.Snapshot
	ended map[string]journal.Run // runs that are not read again
}

// New returns a server of the snapshot in a folder.
func New(folder string, logger *slog.Logger) *Server {
	s := &Server{Folder: folder, Log: logger, Now: time.Now, streams: make(chan struct{}, mostStreams), views: map[string]*template.Template{}}
	for _, name := range []string{"live", "service", "receipt", "run", "hosts", "error"} {
		s.views[name] = template.Must(template.New("base.html").Funcs(words(nil)).ParseFS(sources, "templates/base.html", "templates/"+name+".html"))
	}
	return s
}

// snapshot returns the snapshot in the folder, which is read again only when it changed.
func (s *Server) snapshot() (snapshot.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := snapshot.Stat(s.Folder)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	if s.file != nil && os.SameFile(s.file, now) && s.file.ModTime().Equal(now.ModTime()) && s.file.Size() == now.Size() {
		return s.snap, nil
	}
	snap, err := snapshot.Read(s.Folder)
	if err == nil {
		s.file, s.snap = now, snap
	}
	return snap, err
}

// runs returns the copies of runs, the newest first. A run that has ended is read once.
func (s *Server) runs() []journal.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := map[string]journal.Run{}
	list, _ := snapshot.Runs(s.Folder).Runs(journal.Query{Skip: func(id string) bool {
		run, known := s.ended[id]
		if known {
			ended[id] = run
		}
		return known
	}}) // a run that begins has no line yet
	all := append(slices.Collect(maps.Values(ended)), list...)
	for _, run := range list {
		if run.State == journal.Ended {
			ended[run.ID] = run
		}
	}
	s.ended = ended
	slices.SortFunc(all, func(a, b journal.Run) int { return cmp.Compare(b.ID, a.ID) })
	return all
}

// read returns what the pages are made of now.
func (s *Server) read() (data, error) {
	snap, err := s.snapshot()
	if err != nil {
		return data{}, err
	}
	return data{Snapshot: snap, Runs: s.runs(), Now: s.Now(), Watched: snapshot.Watched(s.Folder), lines: snapshot.Runs(s.Folder).Lines}, nil
}
