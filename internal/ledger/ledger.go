// Package ledger keeps the receipts of deploys: a JSON file each, in
// DIR/<env>/<service>/<id>.json, written durably and never changed. A receipt is first
// written as <id>.pending.json and comes into force by being renamed, so that a crash
// leaves something to finish and never a claim too much.
package ledger

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const pendingSuffix = ".pending.json"

// idTime is the form of the time with which an id begins.
const idTime = "20060102T150405Z"

// Ledger is a folder of receipts.
type Ledger struct{ dir string }

// Open returns the ledger in dir. The folder is made when the first receipt is written.
func Open(dir string) *Ledger { return &Ledger{dir: dir} }

// NewID returns an id that sorts by time.
func NewID(now time.Time) string {
	b := make([]byte, 4)
	rand.Read(b)
	return now.UTC().Format(idTime) + "-" + hex.EncodeToString(b)
}

// Made returns when [NewID] made an id; ok is false for an id of another form.
func Made(id string) (at time.Time, ok bool) {
	stamp, random, found := strings.Cut(id, "-")
	at, err := time.Parse(idTime, stamp)
	_, odd := hex.DecodeString(random)
	return at, found && len(random) == 8 && err == nil && odd == nil && at.Format(idTime) == stamp
}

// Began returns when a change began: the time in its id if this program made it, else told,
// its host's time; now at the latest.
func Began(id string, told, now time.Time) time.Time {
	if made, ok := Made(id); ok {
		told = made
	}
	return Bound(told, time.Time{}, now)
}

// Bound returns at, or the end of the span that at is beyond.
func Bound(at, from, to time.Time) time.Time {
	if at.Before(from) {
		at = from
	}
	if at.After(to) {
		at = to
	}
	return at
}

// Prepare writes the receipt as pending.
func (l *Ledger) Prepare(r Receipt) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return l.unavailable(err)
	}
	dir := l.folder(r)
	if err := statefile.Folder(dir, 0o750); err != nil {
		return l.unavailable(err)
	}
	if err := statefile.Replace(l.pending(r), append(content, '\n'), 0o640); err != nil {
		return l.unavailable(err)
	}
	return nil
}

// Enact puts the receipt that was prepared with this id into force, and returns it as it
// is in force. A receipt in force is never written over: if there is an equal receipt of
// that id, that stays; if there is a different receipt, this receipt gets an id of its
// own, and names the change.
func (l *Ledger) Enact(r Receipt) (Receipt, error) {
	err := statefile.RenameNew(l.pending(r), filepath.Join(l.folder(r), r.ID+".json"))
	if !errors.Is(err, fs.ErrExist) {
		return r, l.unavailableIf(err)
	}
	there, err := l.Get(r.ID)
	if err != nil {
		return r, err
	}
	prepared := l.pending(r)
	if there.Commit != r.Commit || there.Outcome != r.Outcome {
		r.Change, r.ID = r.ID, NewID(time.Now())
		if there, err = l.Record(r); err != nil {
			return r, err
		}
	}
	return there, l.unavailableIf(statefile.Remove(prepared))
}

// Record prepares the receipt and puts it into force, as Enact does.
func (l *Ledger) Record(r Receipt) (Receipt, error) {
	if err := l.Prepare(r); err != nil {
		return r, err
	}
	return l.Enact(r)
}

// Pending returns the receipts that a run prepared and did not put into force.
func (l *Ledger) Pending() ([]Receipt, error) { return l.read(0, "", true) }

// History returns the receipts in force, newest first; the zero value stands for
// any environment or service.
func (l *Ledger) History(env artifact.Env, service string) ([]Receipt, error) {
	return l.read(env, service, false)
}

// Get returns the receipt in force with that id.
func (l *Ledger) Get(id string) (Receipt, error) {
	all, err := l.History(0, "")
	if err != nil {
		return Receipt{}, err
	}
	i := slices.IndexFunc(all, func(r Receipt) bool { return r.ID == id })
	if i < 0 {
		return Receipt{}, fault.New(fault.ReceiptNotFound, "there is no receipt %q", id).
			WithHint("look for it in the list of receipts").WithAction(fault.ListReceipts)
	}
	return all[i], nil
}

// Proven returns the commits of a service that were proven, the newest first and
// each once.
func (l *Ledger) Proven(env artifact.Env, service string) ([]artifact.Commit, error) {
	receipts, err := l.History(env, service)
	if err != nil {
		return nil, err
	}
	var commits []artifact.Commit
	for _, r := range receipts {
		if r.Outcome == Succeeded && !slices.Contains(commits, r.Commit) {
			commits = append(commits, r.Commit)
		}
	}
	return commits, nil
}

func (l *Ledger) read(env artifact.Env, service string, pending bool) ([]Receipt, error) {
	if err := l.closed(); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(l.dir, cmp.Or(env.String(), "*"), cmp.Or(service, "*"), "*.json"))
	if err != nil {
		return nil, l.unavailable(err)
	}
	var receipts []Receipt
	for _, path := range paths {
		if strings.HasSuffix(path, pendingSuffix) != pending {
			continue
		}
		content, err := statefile.Read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // renamed by another run meanwhile
		}
		if err != nil {
			return nil, l.unavailable(err)
		}
		var r Receipt
		if err := json.Unmarshal(content, &r); err != nil {
			return nil, fault.New(fault.LedgerUnavailable, "receipt %s: %w", path, err)
		}
		if !l.holds(path, r, pending) {
			return nil, fault.New(fault.LedgerUnavailable, "receipt %s is not of the environment, service and id that its path names, or has no commit", path).
				WithHint("something else wrote it: look at it before moving it away")
		}
		receipts = append(receipts, r)
	}
	slices.SortStableFunc(receipts, func(a, b Receipt) int { return cmp.Or(b.Started.Compare(a.Started), b.Finished.Compare(a.Finished)) })
	return receipts, nil
}

// closed fails if this account may not look into a folder of the ledger: that it sees no
// receipt there does not mean that there is none.
func (l *Ledger) closed() error {
	return filepath.WalkDir(l.dir, func(path string, _ fs.DirEntry, err error) error {
		if !errors.Is(err, fs.ErrPermission) {
			return nil // another error is that of the reading
		}
		return statefile.Fault(fault.LedgerUnavailable, l.dir, "ledger", err).WithHint("%s", statefile.Admission(path))
	})
}

// holds reports whether a receipt belongs to its path: the names in a receipt decide which
// files are written next.
func (l *Ledger) holds(path string, r Receipt, pending bool) bool {
	suffix := ".json"
	if pending {
		suffix = pendingSuffix
	}
	return !r.Commit.IsZero() && filepath.Dir(path) == l.folder(r) && filepath.Base(path) == r.ID+suffix
}

func (l *Ledger) folder(r Receipt) string {
	return filepath.Join(l.dir, r.Env.String(), r.Service.String())
}

func (l *Ledger) pending(r Receipt) string {
	return filepath.Join(l.folder(r), r.ID+pendingSuffix)
}

func (l *Ledger) unavailableIf(err error) error {
	if err == nil {
		return nil
	}
	return l.unavailable(err)
}

func (l *Ledger) unavailable(err error) error {
	return statefile.Fault(fault.LedgerUnavailable, l.dir, "ledger", err)
}
