package site

import (
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// taken is the run of a watch that takes a change back.
type taken struct{ journal.Track }

// takes returns what begins such a run. A change of a service that the catalog does not know
// on the master is of no run, so no journal keeps it.
func takes(services *catalog.Catalog, project string, emit func(journal.Line)) func(workload.Change) confirm.Listener {
	return func(c workload.Change) confirm.Listener {
		head := journal.Line{Commit: c.Image.Commit, Who: Who()}
		if service, env, known := Placed(services, project, c.Ref); known {
			head.Run, head.Service, head.Env = ledger.NewID(time.Now()), service, env
		}
		return &taken{journal.Track{Emit: emit, Head: head}}
	}
}

// Placed returns the service that the catalog has at a place of the master; known is false if
// it has none there.
func Placed(services *catalog.Catalog, project string, ref workload.Ref) (service artifact.ServiceID, env artifact.Env, known bool) {
	for _, env := range artifact.Envs() {
		for _, row := range RowsIn(services) {
			if row.Environment(env).LiveOn(catalog.Master) && row.Spec(env, project).Ref == ref {
				return row.Service, env, true
			}
		}
	}
	return artifact.ServiceID{}, 0, false
}

// TookBack implements [confirm.Listener].
func (t *taken) TookBack(err error) {
	end := journal.End{Outcome: string(contract.TookBack)}
	if err != nil {
		end = journal.End{Outcome: string(contract.Failed), Reason: fault.ReasonOf(err), Failure: err.Error()}
	}
	t.Ended(end)
}
