package controller

import "charm.land/lipgloss/v2"

// remind says on stderr what killed runs may have left. Every command that reads
// the state does.
func (a *app) remind(c Config) {
	services, _ := LoadCatalog(a.configDir)
	for _, what := range leftBehind(c, services) {
		lipgloss.Fprintln(a.Err, warn.Render("note:")+" "+what+"; unless that run still goes on, `unidesk-controller recover` ends it")
	}
}
