package inventory

import (
	"cmp"
	"context"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Coverage is a service as three sources know it. CI.json names what is meant to be
// produced. The registry holds what was produced, and the receipts hold what was
// proven. Only the last two are evidence.
type Coverage struct {
	Service string `json:"service"`
	// Declared are CI.json's entries.
	Declared []declaration `json:"declared"`
	// Consumed is true if services.yaml has the service.
	Consumed bool `json:"consumed"`
	// Published is what the registry holds, nil if it was not asked: the repository of
	// a service that nothing consumes is unknown.
	Published *Shelf `json:"published,omitempty"`
	// Proven are the newest receipts of success, by environment.
	Proven map[artifact.Env]ledger.Brief `json:"proven"`
	// Running is what runs in the environments that bring it live, as their hosts show it.
	Running map[artifact.Env]workload.Running `json:"running"`
	// Deployable are the environments in which something that is published can be
	// brought live. CI.json does not decide it.
	Deployable []artifact.Env `json:"deployable"`
}

// declaration is an entry of CI.json.
type declaration struct {
	Kind string `json:"kind,omitempty"`
	// CoverageOnly marks an upstream-image: nothing here produces it.
	CoverageOnly bool            `json:"coverageOnly"`
	Upstream     string          `json:"upstreamImage,omitempty"`
	Digest       artifact.Digest `json:"upstreamDigest,omitzero"`
}

// Cover joins the three, in alphabetical order. receipts come newest first.
func Cover(entries []unidesk.Declared, services []catalog.Row, held []Shelf, receipts []ledger.Receipt) []Coverage {
	byName := map[string]*Coverage{}
	of := func(id artifact.ServiceID) *Coverage {
		c, ok := byName[id.String()]
		if !ok {
			c = &Coverage{
				Service: id.String(), Declared: []declaration{}, Proven: map[artifact.Env]ledger.Brief{}, Running: map[artifact.Env]workload.Running{}, Deployable: []artifact.Env{},
			}
			byName[id.String()] = c
		}
		return c
	}
	for _, e := range entries {
		c := of(e.Service)
		c.Declared = append(c.Declared, declaration{e.Kind, e.CoverageOnly(), e.Upstream, e.Digest})
	}
	for i, row := range services {
		c := of(row.Service)
		c.Consumed, c.Published = true, &held[i]
		for _, env := range []artifact.Env{artifact.Prod, artifact.Dev} {
			// With all that a person can bring: what a gate stops even then cannot be deployed.
			gate := contract.Judge(row, env, contract.Asked{Entry: contract.ByDeployApply, Granted: true, Promoted: true})
			if !gate.Shut() && len(held[i].Artifacts) > 0 {
				c.Deployable = append(c.Deployable, env)
			}
		}
	}
	for _, r := range receipts {
		proven := of(r.Service).Proven
		if _, newer := proven[r.Env]; r.Outcome == ledger.Succeeded && !newer {
			proven[r.Env] = *r.Brief()
		}
	}
	list := make([]Coverage, 0, len(byName))
	for _, c := range byName {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Coverage) int { return cmp.Compare(a.Service, b.Service) })
	return list
}

// ThreeWay is what `artifact-registry catalog` answers.
type ThreeWay struct {
	OK bool `json:"ok"`
	// HasCI reports whether there is a CI.json.
	HasCI bool       `json:"hasCI"`
	Items []Coverage `json:"items"`
	// Unasked is what could not be had; the rest is what it is.
	Unasked []Unasked `json:"unasked"`
	// NoCI and NoLedger mean that their column is not known.
	NoCI     bool `json:"-"`
	NoLedger bool `json:"-"`
}

// Compare asks CI.json, the registry, the receipts and the hosts for the services.
// look is nil if unwired is why no host can be asked.
func Compare(ctx context.Context, c site.Config, from lister, services []catalog.Row, look Workloads, unwired error) ThreeWay {
	held := Shelves(ctx, from, services)
	all := ThreeWay{Unasked: append([]Unasked{}, Failures(held)...)}
	entries, found, err := unidesk.CI(c.Master.Root)
	if all.HasCI = found; err != nil {
		all.NoCI = true
		all.Unasked = append(all.Unasked, *NotAsked("what is declared", err))
	}
	receipts, err := ledger.Open(c.LedgerDir()).History(0, "")
	if err != nil {
		all.NoLedger = true
		all.Unasked = append(all.Unasked, *NotAsked("what is live", err))
	}
	all.Items = Cover(entries, services, held, receipts)
	if unwired != nil {
		all.Unasked = append(all.Unasked, *NotAsked("what runs", unwired))
		return all
	}
	places := Places(services, 0, look)
	LookAll(ctx, places, nil)
	running := runningOf(places)
	for i, one := range all.Items {
		if has := running[one.Service]; has != nil {
			all.Items[i].Running = has
		}
	}
	all.Unasked = append(all.Unasked, Unseen(places)...)
	return all
}
