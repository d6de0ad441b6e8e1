package controller

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// shown is what was wired, with the progress that a person sees of it.
type shown struct {
	*wired
	progress *progress
}

// Close ends the connections and takes the progress off the screen.
func (s *shown) Close() {
	s.progress.close()
	s.wired.Close()
}

// wireDefault wires with the configured catalog.
func (a *app) wireDefault() (*shown, error) {
	services, err := LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
	return a.wire(services)
}

// wire joins the parts of the configuration.
func (a *app) wire(services *catalog.Catalog) (*shown, error) {
	c, err := LoadConfig(a.configDir)
	if err != nil {
		return nil, err
	}
	progress := newProgress(a.Err, a.Terminal)
	w, err := wire(c, services, a.version, a.emit(progress))
	if err != nil {
		return nil, err
	}
	return &shown{wired: w, progress: progress}, nil
}

// emit tells the person first and whoever else listens after.
func (a *app) emit(progress *progress) func(workload.Event) {
	if a.onEvent == nil {
		return progress.event
	}
	return func(e workload.Event) {
		progress.event(e)
		a.onEvent(e)
	}
}
