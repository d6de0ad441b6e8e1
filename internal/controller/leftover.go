package controller

import (
	"encoding/json"
	"fmt"

	"charm.land/lipgloss/v2"

	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// remind says on stderr what killed runs may have left. Every command that reads
// the state does; it costs two folders' listings. Errors are the command's own to
// meet.
func (a *app) remind(c Config) {
	changes, _ := confirm.New[json.RawMessage](nil, c.changesDir()).Unsettled()
	for _, p := range changes {
		a.reminder(fmt.Sprintf("a change of %s to %s was not settled (%s)", p.Change.Spec.Container, p.Change.Commit.Short(), p.Change.Holder))
	}
	receipts, _ := ledger.Open(c.ledgerDir()).Pending()
	for _, r := range receipts {
		a.reminder(fmt.Sprintf("the receipt of %s for %s is not in force", r.Service, r.Commit.Short()))
	}
}

func (a *app) reminder(what string) {
	lipgloss.Fprintln(a.Err, warn.Render("note:")+" "+what+"; unless that run still goes on, `unidesk-controller recover` ends it")
}
