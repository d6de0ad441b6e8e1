// Package snapshot is what a watch leaves for the page: a file with what is live and what was
// deployed, and a copy of the journal's newest runs. A process without any other right reads
// it, so nothing is in it that its readers may not see.
//
// Files: snapshot.go, publish.go.
package snapshot

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const (
	version  = 1
	file     = "snapshot.json"
	lockFile = "watch.lock" // its holder publishes
	// mostReceipts is how many receipts a snapshot has, mostRuns how many runs lie beside it.
	mostReceipts, mostRuns = 200, 64
	// mostBytes bounds the file. Older receipts give way.
	mostBytes = 6 << 20
)

// Published is how many commits of a service a snapshot has of those that the registry holds.
const Published = 20

// Every is the time between two snapshots while no run begins or ends.
const Every = time.Minute

// Snapshot is what was known at a time.
type Snapshot struct {
	Version int        `json:"schemaVersion"`
	Build   build.Info `json:"controller"`
	// Config is the --config of the watch, "" for none.
	Config string          `json:"config,omitempty"`
	Status overview.Status `json:"status"`
	// Report is the registry's, nil if it was not asked. Shelves are what it holds of each
	// service, the newest commits.
	Report  *registry.Report  `json:"registry,omitempty"`
	Shelves []inventory.Shelf `json:"shelves,omitempty"`
	// Pages are the web pages of the sources, by service: a page of a commit is below each.
	Pages map[string]string `json:"pages"`
	// Receipts are the newest, the newest first.
	Receipts []ledger.Receipt `json:"receipts"`
}

// Watched reports whether a watch publishes in a folder now.
func Watched(folder string) bool {
	held, err := statefile.Held(filepath.Join(folder, lockFile))
	return held && err == nil
}

// Stale reports whether a watch has missed three snapshots.
func (s Snapshot) Stale(now time.Time) bool { return now.Sub(s.Status.At) > 3*Every }

// Receipt returns the receipt with that id, false if the snapshot does not have it.
func (s Snapshot) Receipt(id string) (ledger.Receipt, bool) {
	for _, r := range s.Receipts {
		if r.ID == id {
			return r, true
		}
	}
	return ledger.Receipt{}, false
}

// Of returns the receipts of a service.
func (s Snapshot) Of(service string) (receipts []ledger.Receipt) {
	for _, r := range s.Receipts {
		if r.Service.String() == service {
			receipts = append(receipts, r)
		}
	}
	return receipts
}

// Shelf returns what the registry holds of a service, nil if it was not asked.
func (s Snapshot) Shelf(service string) *inventory.Shelf {
	for i := range s.Shelves {
		if s.Shelves[i].Service.String() == service {
			return &s.Shelves[i]
		}
	}
	return nil
}

// Runs returns the copy of the journal beside the snapshot in a folder.
func Runs(folder string) *journal.Journal { return journal.Open(filepath.Join(folder, "runs")) }

// Stat describes the file of the snapshot in a folder: another snapshot is another file.
func Stat(folder string) (os.FileInfo, error) {
	info, err := os.Lstat(filepath.Join(folder, file))
	if err != nil {
		return nil, statefile.Fault(fault.Internal, folder, "find the snapshot", err)
	}
	return info, nil
}

// Read reads the snapshot in a folder.
func Read(folder string) (s Snapshot, err error) {
	path := filepath.Join(folder, file)
	content, err := statefile.Read(path)
	if err != nil {
		return Snapshot{}, statefile.Fault(fault.Internal, folder, "read the snapshot", err)
	}
	if err := json.Unmarshal(content, &s); err != nil {
		return Snapshot{}, fault.New(fault.Internal, "%s: %w", path, err)
	}
	if s.Version != version {
		return Snapshot{}, fault.New(fault.Internal, "%s has schemaVersion %d, want %d: the watch and the page are of two versions", path, s.Version, version)
	}
	return s, nil
}

// pages returns the web page of each service's source, if it is on the web.
func pages(services []catalog.Row) map[string]string {
	found := map[string]string{}
	for _, row := range services {
		if at, err := url.Parse(row.Source); err == nil && at.Scheme == "https" && at.User == nil {
			found[row.Service.String()] = strings.TrimSuffix(row.Source, ".git")
		}
	}
	return found
}
