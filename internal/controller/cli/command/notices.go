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
	// unsent receives each notice that was not sent; nil keeps them for the command's end.
	unsent func(error)
	faults []error
	// traced returns a context with the command's trace, nil for none.
	traced func() context.Context
}

// UnsentGo has each notice that is not sent go to a function at once, for a command that does
// not end. It is called before the first notice.
func (a *App) UnsentGo(to func(error)) { a.notices.unsent = to }

// send begins to send the notice of a run's last line.
func (n *notices) send(c site.Config, l journal.Line) {
	n.sending.Go(func() {
		ctx := context.Background() // it outlives an interrupt
		if n.traced != nil {
			ctx = n.traced()
		}
		err := c.SendNotice(ctx, l, notify.ByRun)
		if err == nil {
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.unsent != nil {
			n.unsent(err)
			return
		}
		n.faults = append(n.faults, err)
	})
}

// sent waits until all notices are sent, and prints which were not: that changes no outcome.
func (a *App) sent() {
	a.notices.sending.Wait()
	for _, err := range a.notices.faults {
		terminal.Note(a.Err, err.Error())
	}
}
