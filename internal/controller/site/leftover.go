package site

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// LeftBehind returns what killed runs may have left, a line each. It lists a few folders
// and asks no host: of another host's changes it has only the name of the killed run.
// The command itself meets the errors.
func LeftBehind(c Config, services *catalog.Catalog) (all []string) {
	books := ledger.Open(c.LedgerDir())
	changes, _ := confirm.Unsettled(c.ChangesDir())
	note := func(line, format string, args ...any) {
		all = append(all, fmt.Sprintf(format, args...)+"; unless that run still goes on, "+line+" ends it")
	}
	usual := "`" + remedy.Line(fault.Recover) + "`"
	dead := Dead(books, changes)
	for _, p := range dead {
		note(cmp.Or(RecoverAs(c, dead), usual), "%s", NotSettled(p))
	}
	receipts, _ := books.Pending()
	for _, r := range receipts {
		if !books.Alive(r.Service) {
			note(usual, "%s", NotInForce(r))
		}
	}
	for _, k := range books.Killed() {
		told := slices.ContainsFunc(receipts, func(r ledger.Receipt) bool { return r.Env == k.Env && r.Service.String() == k.Service })
		if host := hostOf(services, k); host != "" && host != catalog.Master && !told {
			note(usual, "a run of %s in %s was killed (%s), and %s may have a change that is not confirmed", k.Service, k.Env, k.Holder, host)
		}
	}
	return all
}

// A revert on the master is refused before anything is touched if this account cannot end it.
var _ confirm.Barring = (*compose.Runtime)(nil)

// RecoverAs returns the line that reverts these changes of the master, with the account
// to be for it; "" if this account can.
func RecoverAs(c Config, changes []workload.Pending) string {
	var barred error
	for _, p := range changes {
		barred = cmp.Or(barred, confirm.Barred(c.ChangesDir(), p))
	}
	if file, err := unidesk.EnvFile(c.Master.Root, c.Master.Config); err == nil && len(changes) > 0 {
		barred = cmp.Or(barred, envfile.Barred(file))
	}
	if barred == nil {
		return ""
	}
	return "`" + remedy.Line(fault.RecoverAsRoot) + "` (" + fault.HintOf(barred) + ")"
}

// hostOf is where the service of a killed run is live, "" for none.
func hostOf(services *catalog.Catalog, k ledger.Held) string {
	for _, row := range RowsIn(services) {
		if e := row.Environment(k.Env); row.Service.String() == k.Service && e.Mode == catalog.Live {
			return e.Target.Host
		}
	}
	return ""
}

// Dead are the changes of runs that do not go on.
func Dead(books *ledger.Ledger, changes []workload.Pending) []workload.Pending {
	return slices.DeleteFunc(changes, func(p workload.Pending) bool {
		service, err := artifact.ParseServiceID(p.Change.Stamps[workload.KeyServiceID])
		return err == nil && books.Alive(service)
	})
}

// NotSettled names a change that a killed run left.
func NotSettled(p workload.Pending) string {
	return fmt.Sprintf("a change of %s to %s was not confirmed (%s)", p.Change.Ref.Name(), p.Change.Image.Commit.Short(), p.Change.Holder)
}

// NotInForce names a receipt that a killed run left unfinished.
func NotInForce(r ledger.Receipt) string {
	return fmt.Sprintf("the receipt of %s for %s is not in force", r.Service, r.Commit.Short())
}
