package snapshot

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Publisher writes snapshots into a folder, which is there already: its group are the readers.
// A failure is logged when it comes and when it is over, and stops nothing.
type Publisher struct {
	Folder   string
	Ledger   *ledger.Ledger
	Runs     *journal.Journal
	Services []catalog.Row
	Build    build.Info
	Config   string // see [Snapshot]
	Log      *slog.Logger

	once    sync.Once
	trouble *daemonlog.Trouble
}

// Publishes reports whether there is a folder to publish in.
func Publishes(folder string) bool {
	info, err := os.Stat(folder)
	return folder != "" && err == nil && info.IsDir()
}

// Write writes a snapshot of a look.
func (p *Publisher) Write(look overview.Status) {
	s := Snapshot{
		Version: version, Build: p.Build, Config: p.Config, Status: look, Report: look.Report, Shelves: shelves(look.Shelves), Pages: pages(p.Services), Receipts: []ledger.Receipt{},
	}
	receipts, err := p.Ledger.History(0, "")
	p.became("the receipts of the snapshot", err)
	for _, r := range receipts[:min(len(receipts), mostReceipts)] {
		s.Receipts = append(s.Receipts, shown(r))
	}
	if err != nil {
		s.Status.Unasked = append(slices.Clone(s.Status.Unasked), *inventory.NotAsked("what was deployed", err))
	}
	content, err := s.encode()
	if err == nil {
		err = statefile.Replace(filepath.Join(p.Folder, file), content, 0o640)
	}
	p.became("the snapshot", err)
}

// Copy copies the newest runs beside the snapshot, as they go on, until ctx ends. It calls
// changed after a run has begun or has come to its end. While it has the lock of the folder, the copies are as the runs are.
func (p *Publisher) Copy(ctx context.Context, changed func()) {
	lock, err := statefile.OpenLock(filepath.Join(p.Folder, lockFile), 0o640)
	if err == nil {
		if err = lock.Wait(ctx); err != nil {
			_ = lock.Close()
		} else {
			defer func() { _ = lock.Unlock() }()
		}
	}
	p.became("the lock of the page's folder", err)
	p.Runs.Mirror(ctx, Runs(p.Folder), mostRuns, changed, func(err error) { p.became("the copies of runs", err) })
}

func (p *Publisher) became(what string, err error) {
	p.once.Do(func() {
		p.trouble = &daemonlog.Trouble{Log: p.Log.With(slog.String("for", "the page"))}
	})
	p.trouble.Became(what, err, slog.String("hint", fault.HintOf(err)))
}

// encode returns the snapshot's JSON, with as many receipts as fit. If none fits, a host has sent
// too much: its words are left out.
func (s Snapshot) encode() ([]byte, error) {
	for {
		content, err := json.Marshal(s)
		switch {
		case err != nil || len(content) <= mostBytes:
			return content, err
		case len(s.Receipts) > 0:
			s.Receipts = s.Receipts[:len(s.Receipts)/2]
		case s.Report != nil || s.Shelves != nil:
			s.Report, s.Shelves = nil, nil
		default:
			return content, nil
		}
	}
}

// shelves returns what of shelves the page shows.
func shelves(list []inventory.Shelf) (shown []inventory.Shelf) {
	for _, s := range list {
		shown = append(shown, inventory.Shelf{Service: s.Service, Repository: s.Repository, Artifacts: s.Artifacts})
	}
	return shown
}

// shown returns what of a receipt the page shows.
func shown(r ledger.Receipt) ledger.Receipt {
	r.Stamps, r.Image.Layers = nil, nil
	if r.Transfer != nil {
		t := *r.Transfer
		t.Layers = nil
		r.Transfer = &t
	}
	return r
}
