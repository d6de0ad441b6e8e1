package command

import (
	"context"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// notices are sent beside the command.
type notices struct {
	sending sync.WaitGroup
	mu      sync.Mutex
	faults  []error
}

// send begins to send the notice of a run's last line.
func (n *notices) send(c site.Config, l journal.Line) {
	n.sending.Go(func() {
		if err := c.SendNotice(context.Background(), l, notify.ByRun); err != nil { // it outlives an interrupt
			n.mu.Lock()
			defer n.mu.Unlock()
			n.faults = append(n.faults, err)
		}
	})
}

// sent waits until all notices are sent, and prints which were not: that changes no outcome.
func (a *App) sent() {
	a.notices.sending.Wait()
	for _, err := range a.notices.faults {
		terminal.Note(a.Err, err.Error())
	}
}
