// Package overview answers what is live: each service in each environment, how what runs
// stands to what was proven, and what goes on meanwhile. It asks each host once, all hosts
// at the same time, asks no service for its health, and changes nothing.
//
// Files, from the top: overview.go, runs.go, place.go, state.go. overview asks, runs reads
// what goes on, place is what was learned, state judges it (pure).
package overview

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/sight"
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
	Runs        []Run               `json:"runs"`
	Interrupted []Interrupted       `json:"interrupted"`
	Services    []Live              `json:"services"`
	Unasked     []inventory.Unasked `json:"unasked"`
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
// is taken back.
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
}

// Ask asks the hosts, the registry, the receipts and deploy.json.
func Ask(ctx context.Context, q Question) Status {
	s := Status{
		At: time.Now().UTC(), Hosts: []Host{}, Runs: []Run{}, Interrupted: []Interrupted{}, Services: []Live{}, Unasked: []inventory.Unasked{},
	}
	places, away := q.places(), map[string]error{}
	for _, row := range q.Wired.AskAll(ctx) { // it connects; a host that is away is not asked again
		s.Hosts, away[row.Name] = append(s.Hosts, hostOf(row)), row.Err
	}
	var asking sync.WaitGroup
	if away[q.Wired.Config.RegistryHost] == nil {
		asking.Go(func() { s.Registry = q.registry(ctx) })
	}
	asking.Go(func() { q.look(ctx, places, away) })
	asking.Go(func() { q.published(ctx, places, away[q.Wired.Config.RegistryHost]) })
	asking.Wait()
	s.Unasked = append(s.Unasked, q.recall(places)...)
	s.Unasked = append(s.Unasked, silences(places)...)
	going := running(q.Wired.Config)
	for _, p := range places {
		s.Services = append(s.Services, p.live())
		if p.holder != "" {
			s.Runs = append(s.Runs, runOf(p, going))
		} else if left := p.seen.Pending; left != nil {
			s.Interrupted = append(s.Interrupted, Interrupted{
				p.row.Service.String(), p.env, left.Change.Image.Commit, left.Change.Holder, p.seen.Here(left.Change.Deadline),
			})
		}
	}
	s.OK = len(s.Unasked) == 0 && len(s.Interrupted) == 0 && !slices.ContainsFunc(s.Services, func(l Live) bool { return l.State.wrong() })
	return s
}

func (q Question) places() (all []*place) {
	for _, row := range q.Rows {
		for _, env := range artifact.Envs() {
			if row.Environment(env).Mode == catalog.Live && (q.Env == 0 || q.Env == env) {
				all = append(all, &place{row: row, env: env, workload: q.Wired.Deployer.Workload(row, env)})
			}
		}
	}
	return all
}

// mostLooks is how many workloads are looked at at a time.
const mostLooks = 8

// look looks at all places, and remembers who runs them before and after: a look during a
// run is none of what stays.
func (q Question) look(ctx context.Context, places []*place, away map[string]error) {
	var looking errgroup.Group
	looking.SetLimit(mostLooks)
	books := q.Wired.Parts.Ledger
	for _, p := range places {
		looking.Go(func() error {
			before := books.Holder(p.env, p.row.Service.String())
			if p.err = away[p.workload.HostName]; p.err == nil {
				p.seen, p.err = p.workload.LookPast(ctx, false)
			}
			if reason := fault.ReasonOf(p.err); reason == fault.WorkloadNotFound || reason == fault.CapabilityMissing {
				p.err, p.unplaced = nil, true
			}
			p.holder = cmp.Or(books.Holder(p.env, p.row.Service.String()), before)
			return nil
		})
	}
	_ = looking.Wait()
}

// published asks the registry what it holds of each service, once.
func (q Question) published(ctx context.Context, places []*place, away error) {
	var rows []catalog.Row
	for _, p := range places {
		if len(rows) == 0 || rows[len(rows)-1].Service != p.row.Service {
			rows = append(rows, p.row)
		}
	}
	from := inventory.Unreachable(away)
	if away == nil {
		from = inventory.ListerOf(ctx, q.Wired.Remote)
	}
	shelves := inventory.Shelves(ctx, from, rows)
	for _, p := range places {
		i := slices.IndexFunc(shelves, func(s inventory.Shelf) bool { return s.Service == p.row.Service })
		p.shelf = &shelves[i]
	}
}

// recall reads receipts and deploy.json.
func (q Question) recall(places []*place) (unasked []inventory.Unasked) {
	receipts, err := q.Wired.Parts.Ledger.History(0, "")
	if err != nil {
		unasked = append(unasked, *inventory.NotAsked("what was proven", err))
	}
	wanted := map[artifact.Env]map[string]string{}
	for _, env := range artifact.Envs() {
		if q.Env != 0 && q.Env != env {
			continue
		}
		var err error
		if wanted[env], err = unidesk.Wanted(q.Wired.Config.Master.Root, q.Wired.Config.Master.Deploy, env); err != nil {
			unasked = append(unasked, *inventory.NotAsked("what deploy.json wants in "+env.String(), err))
		}
	}
	for _, p := range places {
		own := slices.DeleteFunc(slices.Clone(receipts), func(r ledger.Receipt) bool { return r.Service != p.row.Service || r.Env != p.env })
		p.last, p.wanted = ledger.LastKept(own), wanted[p.env][p.row.Service.String()]
	}
	return unasked
}

// silences are the questions that no host answered, each host once.
func silences(places []*place) (unasked []inventory.Unasked) {
	told := map[string]bool{}
	var shelves []inventory.Shelf
	for _, p := range places {
		host := p.workload.HostName
		switch reason := fault.ReasonOf(p.err); {
		case p.err == nil:
		case sight.Cut(p.err) || reason == fault.EngineUnavailable:
			if !told[host] {
				told[host] = true
				unasked = append(unasked, *inventory.NotAsked("what runs on "+host, p.err))
			}
		default:
			unasked = append(unasked, *inventory.NotAsked("what runs of "+p.row.Service.String()+" in "+p.env.String(), p.err))
		}
		if len(shelves) == 0 || shelves[len(shelves)-1].Service != p.row.Service {
			shelves = append(shelves, *p.shelf)
		}
	}
	return append(unasked, inventory.Failures(shelves)...)
}

func hostOf(row site.HostRow) Host {
	h := Host{Name: row.Name, Reachable: row.Reachable, SkewSeconds: row.SkewSeconds}
	if row.Agent != nil {
		h.Version = row.Agent.AgentVersion
	}
	return h
}

// registry asks what the registry is like; nil if its host does not answer, which another
// question reports.
func (q Question) registry(ctx context.Context) *Registry {
	settings := q.Wired.Config.Registry
	facts, err := q.Wired.Remote.InspectRegistry(ctx, settings)
	if err != nil {
		return nil
	}
	report := registry.Judge(settings, facts).Health()
	return &Registry{q.Wired.Config.RegistryHost, report.OK, report.Decision, report.Summary}
}
