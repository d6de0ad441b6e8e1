package notify

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Claim is a file that says who sends the notice of a run, and how that went.
type Claim struct {
	Run string `json:"run"`
	// By is the process that sends: the run's own, or the watch.
	By Sender    `json:"by"`
	At time.Time `json:"at"`
	// Deliveries are empty until all are over; a process that was killed leaves them so.
	Deliveries []Delivery `json:"deliveries,omitempty"`
}

// Sender is a process that sends notices.
type Sender string

// The senders.
const (
	ByRun   Sender = "run"
	ByWatch Sender = "watch"
)

// Claims is the folder of claims. A notice is sent by the process that makes its claim.
type Claims struct{ dir string }

// OpenClaims returns the claims of a folder, which is made when needed.
func OpenClaims(dir string) Claims { return Claims{dir} }

const suffix = ".json"

// Take makes the claim of a run's notice. It returns false if there is a claim already.
func (c Claims) Take(run string, by Sender, now time.Time) (bool, error) {
	if err := statefile.Folder(c.dir, 0o750); err != nil {
		return false, err
	}
	c.sweep(now)
	content, err := json.Marshal(Claim{Run: run, By: by, At: now.UTC()})
	if err != nil {
		return false, err
	}
	err = statefile.Create(c.path(run), content, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// Close writes into the claim how the deliveries went.
func (c Claims) Close(run string, by Sender, now time.Time, all []Delivery) error {
	content, err := json.Marshal(Claim{Run: run, By: by, At: now.UTC(), Deliveries: all})
	if err != nil {
		return err
	}
	return statefile.Replace(c.path(run), content, 0o640)
}

// Of returns the claim of a run, nil if there is none that can be read.
func (c Claims) Of(run string) *Claim {
	content, err := statefile.Read(c.path(run))
	claim := Claim{}
	if err != nil || json.Unmarshal(content, &claim) != nil || claim.Run != run {
		return nil
	}
	return &claim
}

func (c Claims) path(run string) string { return filepath.Join(c.dir, filepath.Base(run)+suffix) }

// sweep removes the claims of runs whose journal is swept. What cannot be removed stays.
func (c Claims) sweep(now time.Time) {
	paths, _ := filepath.Glob(filepath.Join(c.dir, "*"+suffix))
	for _, path := range paths {
		if made, ok := ledger.Made(strings.TrimSuffix(filepath.Base(path), suffix)); ok && now.Sub(made) > journal.KeptFor {
			_ = statefile.Remove(path)
		}
	}
}
