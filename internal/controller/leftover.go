package controller

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// leftBehind are what killed runs may have left, a line each. It costs the listings
// of a few folders, and no host is asked: of another one's changes there is only the
// name of the run that was killed. Errors are the command's own to meet.
func leftBehind(c Config, services *catalog.Catalog) (all []string) {
	books := ledger.Open(c.ledgerDir())
	changes, _ := confirm.New[json.RawMessage](nil, c.changesDir()).Unsettled()
	for _, p := range dead(books, changes) {
		all = append(all, notSettled(p))
	}
	receipts, _ := books.Pending()
	for _, r := range receipts {
		if !books.Alive(r.Service) {
			all = append(all, notInForce(r))
		}
	}
	for _, k := range books.Killed() {
		told := slices.ContainsFunc(receipts, func(r ledger.Receipt) bool { return r.Env == k.Env && r.Service.String() == k.Service })
		if host := hostOf(services, k); host != "" && host != catalog.Master && !told {
			all = append(all, fmt.Sprintf("a run of %s in %s was killed (%s), and %s may have a change that is not settled", k.Service, k.Env, k.Holder, host))
		}
	}
	return all
}

// hostOf is where the service of a killed run is live, "" for none.
func hostOf(services *catalog.Catalog, k ledger.Killed) string {
	for _, row := range rowsIn(services) {
		if e := row.Environment(catalog.Env(k.Env)); row.Service.String() == k.Service && e.Mode == catalog.Live {
			return e.Target.Host
		}
	}
	return ""
}

// dead are the changes of runs that do not go on.
func dead(books *ledger.Ledger, changes []workload.Pending) []workload.Pending {
	return slices.DeleteFunc(changes, func(p workload.Pending) bool {
		service, err := artifact.ParseServiceID(p.Change.Env[workload.KeyServiceID])
		return err == nil && books.Alive(service)
	})
}

func notSettled(p workload.Pending) string {
	return fmt.Sprintf("a change of %s to %s was not settled (%s)", p.Change.Spec.Container, p.Change.Commit.Short(), p.Change.Holder)
}

func notInForce(r ledger.Receipt) string {
	return fmt.Sprintf("the receipt of %s for %s is not in force", r.Service, r.Commit.Short())
}
