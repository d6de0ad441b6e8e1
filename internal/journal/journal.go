// Package journal keeps what each attempt to change a service did, as it did it: a file of
// JSON lines for each run, DIR/<env>/<service>/<run>.jsonl. Its readers see what goes on now,
// what a killed run did last, and attempts that no receipt has. It decides nothing: the
// receipts are the truth about what ran, and a journal that cannot be written changes the
// outcome of no run.
//
// Other accounts of the group may write files here: a reader takes each as hostile.
//
// Files: journal.go, line.go, track.go, pace.go, write.go, sweep.go, read.go, follow.go, going.go.
package journal

import (
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

const suffix = ".jsonl"

// Journal is the folder of the runs' files.
type Journal struct{ dir string }

// Open returns the journal in dir. The first run that is written makes the folder.
func Open(dir string) *Journal { return &Journal{dir} }

// at returns the path of a run's file. ok is false for an id, a service or an environment
// that no run has.
func (j *Journal) at(env artifact.Env, service artifact.ServiceID, run string) (path string, ok bool) {
	_, made := ledger.Made(run)
	return filepath.Join(j.dir, env.String(), service.String(), run+suffix), made && env != 0 && service.String() != ""
}

// runOf returns the id that a file's path names; ok is false if it names none.
func runOf(path string) (id string, ok bool) {
	id, found := strings.CutSuffix(filepath.Base(path), suffix)
	_, made := ledger.Made(id)
	return id, found && made
}

// paths returns the files of runs, of any environment and service if these are zero.
func (j *Journal) paths(env artifact.Env, service string) (paths []string) {
	envs := artifact.Envs()
	if env != 0 {
		envs = []artifact.Env{env}
	}
	if service == "" {
		service = "*"
	}
	for _, e := range envs {
		found, _ := filepath.Glob(filepath.Join(j.dir, e.String(), service, "*"+suffix)) // it has no bad pattern
		for _, path := range found {
			if _, ok := runOf(path); ok {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

func (j *Journal) unavailable(err error) error {
	return statefile.Fault(fault.LedgerUnavailable, j.dir, "journal of runs", err)
}
