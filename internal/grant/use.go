package grant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// use is the record of a use.
type use struct {
	Grant
	By   string    `json:"by"`
	Used time.Time `json:"used"`
}

// Use uses a grant up: of all callers, in whatever processes, only the first gets nil.
// It is durable before it returns, and a crash in it uses the grant up too. by names
// the use, for the refusal that the next caller gets: GRANT_USED. A grant that has
// expired since it was verified is refused and not used.
//
// The records, DIR/<nonce>.json, are never removed: a clock that is set back must
// not make a grant new again. They are this machine's: another with the same
// allowed signers does not know of them.
func Use(dir string, g Grant, by string, now time.Time) error {
	if !nonceForm.MatchString(g.Nonce) {
		return invalid("the nonce is not 32 lower-case hex digits") // it becomes a file's name
	}
	if err := g.holds(now); err != nil {
		return err
	}
	content, err := json.MarshalIndent(use{Grant: g, By: by, Used: now.UTC()}, "", "  ")
	if err != nil {
		return unrecorded(dir, err)
	}
	if err := makeDir(dir); err != nil {
		return unrecorded(dir, err)
	}
	path := filepath.Join(dir, g.Nonce+".json")
	// The name alone decides, so it must not come by a rename, which replaces.
	err = statefile.Create(path, append(content, '\n'), 0o640)
	if errors.Is(err, fs.ErrExist) {
		return used(path)
	}
	if err != nil {
		return unrecorded(dir, err)
	}
	return nil
}

// Used returns GRANT_USED, as [Use] would, if the grant was used before, without using
// it. It is for an early refusal; Use decides.
func Used(dir string, g Grant) error {
	path := filepath.Join(dir, g.Nonce+".json")
	switch _, err := os.Lstat(path); {
	case err == nil:
		return used(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return fault.New(fault.LedgerUnavailable, "look for a use of the grant: %w", err)
	}
}

func used(path string) error {
	return fault.New(fault.GrantUsed, "the grant was used %s; a grant is for one deploy", usedBy(path)).
		WithHint("ask for a new one; the dry run prints the statement to sign")
}

// usedBy describes an earlier use by its record. A record that was cut off describes
// nothing, and is a use all the same.
func usedBy(path string) string {
	var u use
	content, err := statefile.Read(path)
	if err != nil || json.Unmarshal(content, &u) != nil {
		return "before"
	}
	return fmt.Sprintf("at %s by %s", plain.Stamp(u.Used), u.By)
}

// makeDir makes a folder, in a state folder that is there, so that it is still
// there after a power cut.
func makeDir(dir string) error {
	if err := statefile.Folder(dir, 0o750); err != nil {
		return err
	}
	return statefile.Sync(filepath.Dir(dir)) // also if another process has just made it
}

func unrecorded(dir string, err error) error {
	return statefile.Fault(fault.LedgerUnavailable, dir, "record the use of the grant", err)
}
