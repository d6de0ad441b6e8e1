// Package overview answers what is live: each service in each environment, how what runs
// stands to what was proven, and what goes on meanwhile. It asks each host once, all hosts
// at the same time, asks no service for its health, and changes nothing.
//
// Files, from the top: here.go, overview.go, place.go, state.go. overview asks all,
// here this machine alone, place is what was learned, state judges it
// (pure).
package overview

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// Status is the overview. docs/output.md describes its JSON.
type Status struct {
	// OK means that every question was answered, each live service runs as it was proven,
	// and no deploy was left unfinished.
	OK bool `json:"ok"`
	// At is when the questions were asked.
	At       time.Time `json:"at"`
	Hosts    []Host    `json:"hosts"`
	Registry *Registry `json:"registry,omitempty"`
	// Runs are the deploys that go on, Interrupted are those that ended without an end.
	Runs        []journal.Going     `json:"runs"`
	Interrupted []Interrupted       `json:"interrupted"`
	Services    []Live              `json:"services"`
	Unasked     []inventory.Unasked `json:"unasked"`
	// Report is the registry's whole report, Shelves are what it holds of each service: for the
	// page, and no part of the answer.
	Report  *registry.Report  `json:"-"`
	Shelves []inventory.Shelf `json:"-"`
}

// Host is a host and whether its agent answers.
type Host struct {
	Name      string `json:"name"`
	Reachable bool   `json:"reachable"`
	Version   string `json:"agentVersion,omitempty"`
	// SkewSeconds is how far the host's clock is ahead, to within a round trip.
	SkewSeconds float64 `json:"clockSkewSeconds"`
}

// Registry is the registry's decision in short.
type Registry struct {
	Host     string            `json:"host"`
	OK       bool              `json:"ok"`
	Decision registry.Decision `json:"decision"`
	Summary  string            `json:"summary"`
}

// Interrupted is a change that no run will confirm, with the time of its host at which it
// is reverted.
type Interrupted struct {
	Service  string          `json:"service"`
	Env      artifact.Env    `json:"env"`
	Commit   artifact.Commit `json:"commit"`
	Holder   string          `json:"holder"`
	Deadline time.Time       `json:"deadline"`
}

// Question is what is asked of whom.
type Question struct {
	Wired *site.Wired
	Rows  []catalog.Row
	// Env restricts the answer; the zero value stands for all environments.
	Env artifact.Env
	// Published is how many commits of each service the status's shelves have, the newest.
	Published int
}

// Ask asks the hosts, the registry, the receipts and deploy.json.
func Ask(ctx context.Context, q Question) Status {
	s := nothing()
	away := map[string]error{}
	for _, row := range q.Wired.AskAll(ctx) { // it connects; a host that is away is not asked again
		s.Hosts, away[row.Name] = append(s.Hosts, hostOf(row)), row.Err
		s.fail("the agent on "+row.Name, row.Err)
	}
	q.ask(ctx, &s, inventory.Places(q.Rows, q.Env, q.Wired.Deployer.Workload), away)
	return s
}

// nothing is the status of an installation without a host and a service, at this time.
func nothing() Status {
	return Status{
		At: time.Now().UTC(), Hosts: []Host{}, Runs: []journal.Going{}, Interrupted: []Interrupted{}, Services: []Live{}, Unasked: []inventory.Unasked{},
	}
}

// fail adds a question that was not answered, if there is an error.
func (s *Status) fail(what string, err error) {
	if err != nil {
		s.Unasked = append(s.Unasked, *inventory.NotAsked(what, err))
	}
}

// ask looks at places. It asks nothing of the hosts in away.
func (q Question) ask(ctx context.Context, s *Status, looks []*inventory.Place, away map[string]error) {
	places := q.begin(looks)
	var asking sync.WaitGroup
	var unread error
	var shelves []inventory.Shelf
	asking.Go(func() { inventory.LookAll(ctx, looks, away) })
	if away[q.Wired.Config.RegistryHost] == nil {
		asking.Go(func() { s.Report, unread = q.registry(ctx) })
		asking.Go(func() { shelves = inventory.Shelves(ctx, inventory.ListerOf(ctx, q.Wired.Remote), rowsOf(looks)) })
	}
	asking.Wait()

	if r := s.Report; r != nil {
		s.Registry = &Registry{q.Wired.Config.RegistryHost, r.OK, r.Decision, r.Summary}
	}
	if q.Published > 0 && shelves != nil {
		s.Shelves = inventory.Newest(shelves, q.Published)
		_ = inventory.Know(ctx, q.Wired.Config, rowsOf(looks), s.Shelves) // judge has why
	}
	s.fail("what the registry is like", unread)
	s.Unasked = append(s.Unasked, inventory.Failures(shelves)...)
	for _, u := range inventory.Unseen(looks) {
		if !slices.ContainsFunc(s.Unasked, func(before inventory.Unasked) bool { return before.Report == u.Report }) { // the agent's silence
			s.Unasked = append(s.Unasked, u)
		}
	}
	q.judge(s, places, shelves)
}

// judge adds to the status how places that were looked at stand to the receipts and to
// deploy.json.
func (q Question) judge(s *Status, places []*place, shelves []inventory.Shelf) {
	receipts, err := q.Wired.Parts.Ledger.History(0, "")
	s.fail("what was proven", err)
	for _, env := range artifact.Envs() {
		if q.Env != 0 && q.Env != env {
			continue
		}
		wanted, err := q.wanted(env)
		s.fail("what deploy.json wants in "+env.String(), err)
		for _, p := range places {
			if p.Env == env {
				p.wanted = wanted[p.Row.Service.String()]
			}
		}
	}
	for _, p := range places {
		q.end(p, receipts, err)
		p.shelf = shelfOf(shelves, p.Row)
		s.Services = append(s.Services, p.live())
		if p.holder != "" {
			s.Runs = append(s.Runs, journal.Open(q.Wired.Config.RunsDir()).Has(ledger.Held{Env: p.Env, Service: p.Row.Service.String(), Holder: p.holder}))
		} else if left := p.Seen.Pending; left != nil {
			s.Interrupted = append(s.Interrupted, Interrupted{
				p.Row.Service.String(), p.Env, left.Change.Image.Commit, left.Change.Holder, p.Seen.Here(left.Change.Deadline),
			})
		}
	}
	s.OK = len(s.Unasked) == 0 && len(s.Interrupted) == 0 && !slices.ContainsFunc(s.Services, func(l Live) bool { return l.State.wrong() })
}

// wanted returns what deploy.json wants in an environment: nothing if there is no such file, or
// no such environment in it.
func (q Question) wanted(env artifact.Env) (map[string]string, error) {
	wanted, err := unidesk.Wanted(q.Wired.Config.Master.Root, q.Wired.Config.Master.Deploy, env)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unidesk.ErrNoEnvironment) {
		return nil, nil
	}
	return wanted, err
}

// begin returns places before they are looked at.
func (q Question) begin(looks []*inventory.Place) (places []*place) {
	for _, look := range looks {
		places = append(places, &place{Place: look, holder: q.holder(look)})
	}
	return places
}

// end adds to a place that was looked at who has it, and what was proven. A look during a run
// shows nothing that stays.
func (q Question) end(p *place, receipts []ledger.Receipt, unread error) {
	p.holder = cmp.Or(p.holder, q.holder(p.Place), p.elsewhere(q.Wired.Parts.Ledger))
	p.recall(receipts, unread)
}

// holder is the run of this ledger that has a service, "" if there is none.
func (q Question) holder(p *inventory.Place) string {
	return q.Wired.Parts.Ledger.Holder(p.Env, p.Row.Service.String())
}

// rowsOf are the services of places, each once.
func rowsOf(places []*inventory.Place) (rows []catalog.Row) {
	for _, p := range places {
		if len(rows) == 0 || rows[len(rows)-1].Service != p.Row.Service {
			rows = append(rows, p.Row)
		}
	}
	return rows
}

// shelfOf is what the registry holds of a service, empty if that is not known.
func shelfOf(shelves []inventory.Shelf, row catalog.Row) inventory.Shelf {
	for _, s := range shelves {
		if s.Service == row.Service {
			return s
		}
	}
	return inventory.Shelf{}
}

func hostOf(row site.HostRow) Host {
	h := Host{Name: row.Name, Reachable: row.Reachable, SkewSeconds: row.SkewSeconds}
	if row.Agent != nil {
		h.Version = row.Agent.AgentVersion
	}
	return h
}

// registry asks what the registry is like.
func (q Question) registry(ctx context.Context) (*registry.Report, error) {
	settings := q.Wired.Config.Registry
	facts, err := q.Wired.Remote.InspectRegistry(ctx, settings)
	if err != nil {
		return nil, err
	}
	report := registry.Judge(settings, facts).Health().Worded(remedy.Text)
	return &report, nil
}
