package journal

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const (
	// KeptFor is how long a run is kept.
	KeptFor = 90 * 24 * time.Hour
	// keptRuns is how many runs of an account are kept.
	keptRuns = 2000
)

// sweep removes the runs that are too old, and the oldest of this account if they are too
// many. Runs of other accounts are not counted: no account's runs crowd out another's. What
// cannot be removed stays.
func (j *Journal) sweep(now time.Time) {
	var own []string
	for _, path := range j.paths(0, "") {
		id, _ := runOf(path)
		if made, _ := ledger.Made(id); now.Sub(made) > KeptFor {
			_ = statefile.Remove(path)
		} else if info, err := os.Lstat(path); err == nil && statefile.Owner(info) == os.Geteuid() {
			own = append(own, path)
		}
	}
	if len(own) < keptRuns {
		return
	}
	slices.SortFunc(own, newestFirst)
	for _, path := range own[keptRuns-1:] { // and the run that begins now
		_ = statefile.Remove(path)
	}
}

// newestFirst compares the files of runs by when the runs began.
func newestFirst(a, b string) int {
	first, _ := runOf(a)
	second, _ := runOf(b)
	return strings.Compare(second, first)
}
