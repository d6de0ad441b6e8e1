package page

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
)

// liveView is the first page.
type liveView struct {
	overview.Status
	Envs     []artifact.Env
	Rows     []liveRow
	Never    []string
	Going    []journal.Run
	Attempts []attempt
}

// liveRow is a service, with its cell in each environment; nil if it is not live there.
type liveRow struct {
	Service string
	Cells   []*overview.Live
}

// mostAttempts is how many attempts the first page lists.
const mostAttempts = 10

func (d data) live() liveView {
	v := liveView{Status: d.Snapshot.Status, Envs: artifact.Envs()}
	for i, l := range d.Snapshot.Status.Services {
		if n := len(v.Rows); n == 0 || v.Rows[n-1].Service != l.Service {
			v.Rows = append(v.Rows, liveRow{l.Service, make([]*overview.Live, len(v.Envs))})
		}
		v.Rows[len(v.Rows)-1].Cells[slices.Index(v.Envs, l.Env)] = &d.Snapshot.Status.Services[i]
	}
	v.Rows = slices.DeleteFunc(v.Rows, func(r liveRow) bool {
		never := !slices.ContainsFunc(r.Cells, func(l *overview.Live) bool { return l != nil && l.State != overview.None })
		if never {
			v.Never = append(v.Never, r.Service)
		}
		return never
	})
	v.Going = d.running()
	v.Attempts = d.attempts("")
	v.Attempts = v.Attempts[:min(mostAttempts, len(v.Attempts))]
	return v
}

// attempt is a run, with its receipt if it has one and the snapshot has it.
type attempt struct {
	journal.Run
	Receipt *ledger.Receipt
	// watched means that a watch copies the run.
	watched bool
}

// Outcome is a word for how the attempt ended.
func (a attempt) Outcome() string {
	switch {
	case a.Last.End != nil:
		return a.Last.End.Outcome
	case a.State == journal.Killed && a.watched:
		return "killed"
	case a.State == journal.Killed:
		return "unknown" // the lock of a copy is the watch's
	}
	return "running"
}

// attempt returns a run as an attempt.
func (d data) attempt(run journal.Run) attempt {
	a := attempt{Run: run, watched: d.Watched}
	if run.Last.End != nil {
		if r, ok := d.Snapshot.Receipt(run.Last.End.Receipt); ok {
			a.Receipt = &r
		}
	}
	return a
}

// attempts returns the attempts of a service, of all if it is "", the newest first.
func (d data) attempts(service string) (list []attempt) {
	for _, run := range d.Runs {
		if service == "" || run.Service.String() == service {
			list = append(list, d.attempt(run))
		}
	}
	return list
}

// serviceView is the page of a service.
type serviceView struct {
	Service  string
	Live     []overview.Live
	Receipts []ledger.Receipt
	Attempts []attempt
	Back     []back
	// Shelf is what the registry holds, nil if it was not asked.
	Shelf *inventory.Shelf
}

// back is a version that a service can go back to, by the receipts.
type back struct {
	ledger.Receipt
	Command string
}

// mostBack is how many versions of an environment are offered to go back to.
const mostBack = 3

func (d data) service(name string) (serviceView, error) {
	v := serviceView{Service: name, Receipts: d.Snapshot.Of(name), Attempts: d.attempts(name), Shelf: d.Snapshot.Shelf(name)}
	for _, l := range d.Snapshot.Status.Services {
		if l.Service != name {
			continue
		}
		v.Live = append(v.Live, l)
		v.Back = append(v.Back, backs(v.Receipts, l)...)
	}
	if len(v.Live) == 0 && len(v.Receipts) == 0 && len(v.Attempts) == 0 {
		return serviceView{}, notFound("service", name)
	}
	v.Attempts = slices.DeleteFunc(v.Attempts, func(a attempt) bool { return a.Receipt != nil })
	return v, nil
}

// backs returns the newest versions of an environment that `rollback --to` takes, without what
// runs.
func backs(receipts []ledger.Receipt, l overview.Live) (list []back) {
	seen := map[artifact.Commit]bool{}
	for _, r := range receipts {
		if r.Env != l.Env || r.Outcome != ledger.Succeeded || seen[r.Commit] || len(list) == mostBack {
			continue
		}
		seen[r.Commit] = true
		proven := ledger.StandingOf(receipts, r.Env, r.Commit, r.Image.Manifest) == ledger.Proven
		if proven && r.Commit.String() != l.Running.Commit {
			list = append(list, back{r, contract.GoBackCommand(r.Service.String(), r.Env, r.Commit).String()})
		}
	}
	return list
}

// receiptView is the page of a deploy that changed something.
type receiptView struct {
	ledger.Receipt
	// Ran means that the lines of its run are here.
	Ran bool
	// Independent are the findings whose source knows by itself, Echoes those that repeat what
	// the deploy wrote.
	Independent, Echoes []proof.Finding
}

func (d data) receipt(id string) (receiptView, error) {
	r, ok := d.Snapshot.Receipt(id)
	if !ok {
		return receiptView{}, notFound("receipt", id)
	}
	v := receiptView{Receipt: r, Ran: slices.ContainsFunc(d.Runs, func(run journal.Run) bool { return run.ID == r.ID })}
	for _, f := range r.Evidence {
		if f.Kind == proof.Stamped {
			v.Echoes = append(v.Echoes, f)
		} else {
			v.Independent = append(v.Independent, f)
		}
	}
	return v, nil
}

// runView is the page of a run.
type runView struct {
	attempt
	Lines []journal.Line
	// Points are the points that were reached, with the line that reached each.
	Points []journal.Line
}

// mostLines is how many lines of a run are shown, the newest.
const mostLines = 500

func (d data) run(id string) (runView, error) {
	run, lines, err := d.lines(id)
	if err != nil {
		return runView{}, notFound("run", id)
	}
	v := runView{attempt: d.attempt(run), Lines: lines[max(0, len(lines)-mostLines):]}
	for _, l := range lines {
		if n := len(v.Points); l.Point != "" && (n == 0 || v.Points[n-1].Point != l.Point) {
			v.Points = append(v.Points, l)
		}
	}
	return v, nil
}
