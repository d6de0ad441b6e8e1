package cli

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

// remind says on stderr what killed runs may have left. Every command that reads
// the state does.
func (a *app) remind(c site.Config) {
	services, _ := site.LoadCatalog(a.configDir)
	for _, what := range site.LeftBehind(c, services) {
		present.Note(a.Err, what+"; unless that run still goes on, `unidesk-controller recover` ends it")
	}
}
