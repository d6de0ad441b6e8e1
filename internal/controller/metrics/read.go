package metrics

import (
	"cmp"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Reader reads the facts of an installation, and writes nothing. It reads the receipts again
// only after their folder has changed. A single goroutine at a time may use it.
type Reader struct {
	Config   site.Config
	Services *catalog.Catalog
	Build    build.Info

	tally tally
	// saved are the runs that the file of the tally has counted.
	saved []string
	// deploys are of the ledger when it had the size read; nil before the first reading.
	deploys map[Pair]Deploys
	read    size
}

// Read returns what is known at a time.
func (r *Reader) Read(now time.Time) Facts {
	f := Facts{At: now, Build: r.Build, Unread: map[Source]error{}}
	books := ledger.Open(r.Config.LedgerDir())
	size := r.folders(&f)
	pending, err := confirm.Unsettled(r.Config.ChangesDir())
	f.Unread[FromChanges] = err
	for _, p := range pending {
		f.Unsettled = append(f.Unsettled, r.change(p))
	}
	f.Leftovers = len(site.LeftBehind(r.Config, r.Services))
	if f.Unread[FromLedger] = r.receipts(books, size); f.Unread[FromLedger] == nil {
		f.Places = r.places(books, f.Unsettled)
	}
	r.attempts(&f)
	return f
}

// folders reads the sizes, and returns that of the ledger.
func (r *Reader) folders(f *Facts) (books size) {
	for _, folder := range []struct {
		kind, path string
		quota      int64
	}{
		{"spool", r.Config.SpoolDir(), r.Config.SpoolQuota},
		{"cache", r.Config.CacheDir(), r.Config.CacheQuota},
		{"ledger", r.Config.LedgerDir(), 0},
		{"runs", r.Config.RunsDir(), 0},
	} {
		size, err := sizeOf(folder.path)
		if err != nil {
			f.Unread[FromFolders] = cmp.Or(f.Unread[FromFolders], err)
			continue
		}
		f.Folders = append(f.Folders, Folder{folder.kind, size.bytes, folder.quota})
		if folder.kind == "ledger" {
			books = size
		}
	}
	return books
}

// receipts sums up the receipts, unless they are as they were.
func (r *Reader) receipts(books *ledger.Ledger, size size) error {
	if r.deploys != nil && size == r.read {
		return nil
	}
	all, err := books.History(0, "")
	if err != nil {
		r.deploys = nil
		return err
	}
	of := map[Pair][]ledger.Receipt{}
	for _, receipt := range all {
		at := Pair{receipt.Service.String(), receipt.Env.String()}
		of[at] = append(of[at], receipt)
	}
	r.deploys, r.read = map[Pair]Deploys{}, size
	for at, receipts := range of {
		r.deploys[at] = deploysOf(receipts)
	}
	return nil
}

// places returns each service in each environment that brings it live.
func (r *Reader) places(books *ledger.Ledger, changes []Change) (places []Place) {
	for _, row := range site.RowsIn(r.Services) {
		for _, env := range artifact.Envs() {
			e, at := row.Environment(env), Pair{row.Service.String(), env.String()}
			if e.Mode != catalog.Live {
				continue
			}
			p := Place{Pair: at, Streamed: e.LiveOn(catalog.Master), Deploys: r.deploys[at]}
			p.Commit = p.Kept.Commit
			p.State = stateOf(p.Deploys, books.Holder(env, at.Service) != "", slices.ContainsFunc(changes, func(c Change) bool { return c.Pair == at }))
			places = append(places, p)
		}
	}
	return places
}

// change returns a change with the service that the catalog has at its place, or else the
// name of the place.
func (r *Reader) change(p workload.Pending) Change {
	c := Change{Pair{Service: p.Change.Ref.Name()}, p.Change.Image.Commit.String(), p.Change.ID, p.Change.Deadline}
	if service, env, known := site.Placed(r.Services, r.Config.Master.Project, p.Change.Ref); known {
		c.Pair = Pair{service.String(), env.String()}
	}
	return c
}

// attempts counts the runs of the services of the catalog.
func (r *Reader) attempts(f *Facts) {
	if r.tally.Version == 0 {
		if r.tally, f.Unread[FromAttempts] = readTally(r.Config.AttemptsFile()); f.Unread[FromAttempts] != nil {
			return
		}
		r.saved = r.tally.Counted
	}
	r.tally, f.Unread[FromJournal] = r.tally.with(journal.Open(r.Config.RunsDir()), f.At)
	for _, a := range r.tally.Totals {
		if _, err := r.Services.Row(a.Service); err == nil {
			f.Attempts = append(f.Attempts, a)
		}
	}
}
