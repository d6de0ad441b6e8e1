package page

import (
	"embed"
	"html/template"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/snapshot"
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
	mu      sync.Mutex
	file    os.FileInfo // of the snapshot that was read last
	snap    snapshot.Snapshot
	views   map[string]*template.Template
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

// read returns what the pages are made of now.
func (s *Server) read() (data, error) {
	snap, err := s.snapshot()
	if err != nil {
		return data{}, err
	}
	return read(s.Folder, snap, s.Now()), nil
}
