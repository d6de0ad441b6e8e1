package cli

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// shown is what was wired, with the progress that a person sees of it.
type shown struct {
	*site.Wired
	progress *present.Progress
}

// Close ends the connections and takes the progress off the screen.
func (s *shown) Close() {
	s.progress.Close()
	s.Wired.Close()
}

// wireDefault wires with the configured catalog.
func (a *app) wireDefault(access site.Access) (*shown, error) {
	services, err := site.LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
	return a.wire(services, access)
}

// wire joins the parts of the configuration.
func (a *app) wire(services *catalog.Catalog, access site.Access) (*shown, error) {
	c, err := site.LoadConfig(a.configDir)
	if err != nil {
		return nil, err
	}
	progress := present.NewProgress(a.Err, a.Terminal)
	w, err := site.Wire(c, services, a.version, access, a.emit(progress))
	if err != nil {
		return nil, err
	}
	w.Remote.LimitTo(int64(a.maxRate))
	return &shown{Wired: w, progress: progress}, nil
}

// emit sends each event to the person first, and to the other listener after.
func (a *app) emit(progress *present.Progress) func(workload.Event) {
	if a.onEvent == nil {
		return progress.Event
	}
	return func(e workload.Event) {
		progress.Event(e)
		a.onEvent(e)
	}
}

// place returns the place where a service runs, with the hands there, for a question.
func (a *app) place(service string, env artifact.Env) (*site.Place, error) {
	services, err := site.LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
	at, err := site.FindPlace(services, service, env)
	if err != nil {
		return nil, err
	}
	w, err := a.wire(services, site.Reading)
	if err != nil {
		return nil, err
	}
	a.remind(w.Config)
	if err := at.Equip(w.Wired); err != nil {
		w.Close()
		return nil, err
	}
	return at, nil
}

// remind prints on stderr what killed runs may have left. Every command that reads
// the state calls it.
func (a *app) remind(c site.Config) {
	services, _ := site.LoadCatalog(a.configDir)
	for _, what := range site.LeftBehind(c, services) {
		present.Note(a.Err, what)
	}
}
