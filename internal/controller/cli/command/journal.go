package command

import (
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// runs returns the writer of the journal. What it cannot write is a note, and no more.
func (a *App) runs(c site.Config) *journal.Writer {
	return journal.Open(c.RunsDir()).Writer(func(err error) {
		terminal.Note(a.Err, err.Error()+"; the command goes on, and history --all will not have all of it")
	})
}

// Progress returns the progress of a command that deploys nothing.
func (a *App) Progress() *terminal.Progress {
	return terminal.NewProgress(a.Err, a.progress, a.Terminal)
}

// HideProgress has no progress shown.
func (a *App) HideProgress() { a.progress = terminal.Quiet }

// emit hands each line to the journal first, then to the person, and then each event to the
// other listener. Of a run's last line it sends the notice.
func (a *App) emit(c site.Config, runs *journal.Writer, progress *terminal.Progress) func(journal.Line) {
	var mu sync.Mutex
	var pace journal.Pace
	return func(l journal.Line) {
		l.Command = a.command
		mu.Lock()
		kept := pace.Passes(l)
		if kept {
			runs.Append(l)
		}
		progress.Line(l, kept)
		mu.Unlock()
		if l.End != nil {
			a.notices.send(c, l)
		}
		if a.onEvent != nil && l.End == nil {
			a.onEvent(workload.Event{Point: l.Point, Text: l.Text, Warning: l.Warning, Done: l.Done, Total: l.Total})
		}
	}
}

// Refused writes an attempt to the journal that ended before anything was wired, so that no
// deployer did. The line names what the attempt is about. Without a configuration there is no
// journal.
func (a *App) Refused(about journal.Line, r contract.Result) {
	config, err := site.LoadConfig(a.ConfigDir)
	if err != nil {
		return
	}
	runs := a.runs(config)
	defer runs.Close()
	now, end := time.Now().UTC(), r.End()
	about.Time, about.Run, about.Who, about.Point, about.End = now, ledger.NewID(now), site.Who(), workload.PointGuard, &end
	a.emit(config, runs, a.Progress())(about)
}
