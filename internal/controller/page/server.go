package page

import (
	"embed"
	"html/template"
	"log/slog"
	"time"
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
}

// New returns a server of the snapshot in a folder.
func New(folder string, logger *slog.Logger) *Server {
	s := &Server{Folder: folder, Log: logger, Now: time.Now, streams: make(chan struct{}, mostStreams), views: map[string]*template.Template{}}
	for _, name := range []string{"live", "service", "receipt", "run", "hosts", "error"} {
		s.views[name] = template.Must(template.New("base.html").Funcs(words(nil)).ParseFS(sources, "templates/base.html", "templates/"+name+".html"))
	}
	return s
}
