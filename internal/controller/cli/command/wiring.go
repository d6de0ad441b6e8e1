package command

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Wired is what was wired, with the progress that a person sees of it.
type Wired struct {
	*site.Wired
	progress *terminal.Progress
}

// Close ends the connections and takes the progress off the screen.
func (s *Wired) Close() {
	s.progress.Close()
	s.Wired.Close()
}

// WireDefault is Wire with the configured catalog.
func (a *App) WireDefault(access site.Access) (*Wired, error) {
	services, err := site.LoadCatalog(a.ConfigDir)
	if err != nil {
		return nil, err
	}
	return a.Wire(services, access)
}

// Wire joins the parts of the configuration, for a command that reads or acts. The
// caller closes them.
func (a *App) Wire(services *catalog.Catalog, access site.Access) (*Wired, error) {
	c, err := site.LoadConfig(a.ConfigDir)
	if err != nil {
		return nil, err
	}
	progress := terminal.NewProgress(a.Err, a.Terminal)
	w, err := site.Wire(c, services, a.Version, access, a.emit(progress))
	if err != nil {
		return nil, err
	}
	w.Remote.LimitTo(int64(a.maxRate))
	return &Wired{Wired: w, progress: progress}, nil
}

// emit sends each event to the person first, and to the other listener after.
func (a *App) emit(progress *terminal.Progress) func(workload.Event) {
	if a.onEvent == nil {
		return progress.Event
	}
	return func(e workload.Event) {
		progress.Event(e)
		a.onEvent(e)
	}
}

// Place returns the place where a service runs, with the hands there, for a question.
// The caller closes it.
func (a *App) Place(service string, env artifact.Env) (*site.Place, error) {
	services, err := site.LoadCatalog(a.ConfigDir)
	if err != nil {
		return nil, err
	}
	at, err := site.FindPlace(services, service, env)
	if err != nil {
		return nil, err
	}
	w, err := a.Wire(services, site.Reading)
	if err != nil {
		return nil, err
	}
	a.Remind(w.Config)
	if err := at.Equip(w.Wired); err != nil {
		w.Close()
		return nil, err
	}
	return at, nil
}

// Remind prints on stderr what killed runs may have left. Every command that reads
// the state calls it.
func (a *App) Remind(c site.Config) {
	services, _ := site.LoadCatalog(a.ConfigDir)
	for _, what := range site.LeftBehind(c, services) {
		terminal.Note(a.Err, what)
	}
}
