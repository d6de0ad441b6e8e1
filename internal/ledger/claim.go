package ledger

import (
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// claimFile is in the folder of a service, and holds the id of the last change that a run
// of this ledger made or took over.
const claimFile = ".change"

// Claim notes that a run of this ledger makes a change, before it makes it. The run that
// has the service's lock next knows by it that the change's run is over.
func (l *Ledger) Claim(env artifact.Env, service, change string) error {
	if err := statefile.Replace(l.claim(env, service), []byte(change+"\n"), 0o640); err != nil {
		return l.unavailable(err)
	}
	return nil
}

// Claimed reports whether the change is the last that a run of this ledger has claimed. A
// note that cannot be read claims nothing.
func (l *Ledger) Claimed(env artifact.Env, service, change string) bool {
	content, err := statefile.Read(l.claim(env, service))
	return err == nil && strings.TrimSpace(string(content)) == change
}

func (l *Ledger) claim(env artifact.Env, service string) string {
	return filepath.Join(l.dir, env.String(), service, claimFile)
}
