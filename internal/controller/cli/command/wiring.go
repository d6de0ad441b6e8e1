package command

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
)

// Wired is what was wired, with the progress that a person sees of it.
type Wired struct {
	*site.Wired
	progress *terminal.Progress
	runs     *journal.Writer
}

// NameServices has the progress name the service of each line: the command is about several.
func (s *Wired) NameServices() { s.progress.NameServices() }

// Close ends the connections, takes the progress off the screen, and closes the journal.
func (s *Wired) Close() {
	s.progress.Close()
	s.Wired.Close()
	s.runs.Close()
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
	progress, runs := a.Progress(), a.runs(c)
	w, err := site.Wire(c, services, a.Version, access, a.emit(c, runs, progress))
	if err != nil {
		return nil, err
	}
	w.Remote.LimitTo(int64(a.maxRate))
	return &Wired{Wired: w, progress: progress, runs: runs}, nil
}

// Place returns the host of a service, with the hands there, for a question.
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
