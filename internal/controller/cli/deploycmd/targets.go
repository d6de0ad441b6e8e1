package deploycmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// targets are the commits that a command of the reconciler is about.
type targets struct {
	*command.App
	req     contract.Request
	env     artifact.Env
	catalog *catalog.Catalog
	// wait is for the lock of a service.
	wait time.Duration
}

func newTargets(a *command.App, req contract.Request) (*targets, error) {
	if req.Commit != "" && req.Service == "" {
		return nil, fault.New(fault.Usage, "--commit wants --service: a commit is one service's")
	}
	if req.Digest != "" && req.Service == "" {
		return nil, fault.New(fault.Usage, "--digest wants --service: a digest is one service's")
	}
	services, err := site.LoadCatalog(a.ConfigDir)
	if err != nil {
		return nil, err
	}
	req.Entry, req.Statement, req.EnvFile = contract.ByDeployApply, site.Statement, site.EnvFile(a.ConfigDir)
	return &targets{App: a, req: req, env: cmp.Or(req.Env, artifact.Prod), catalog: services}, nil
}

// one returns the contract of --service, at --commit or at the commit that deploy.json wants.
func (w *targets) one() (contract.Contract, error) {
	if w.req.Commit == "" {
		if _, err := w.catalog.Row(w.req.Service); err != nil {
			return contract.Contract{}, err
		}
		wanted, err := site.Wanted(w.ConfigDir, w.env)
		if err != nil {
			return contract.Contract{}, err
		}
		commit, ok := wanted[w.req.Service]
		if !ok {
			return contract.Contract{}, fault.New(fault.ConfigInvalid, "deploy.json wants no commit of %s in %s", w.req.Service, w.env).
				WithHint("name it there, or give --commit")
		}
		only := contract.Candidates(w.catalog, w.env, map[string]string{w.req.Service: commit}, w.req)[0]
		return only.Contract, only.Err
	}
	contract, err := contract.NewContract(w.catalog, w.req)
	if err == nil {
		w.tellOther(contract)
	}
	return contract, err
}

// tellOther prints a note if deploy.json wants another commit than the given commit.
// The next deploy apply of everything would bring that other commit back. If
// deploy.json cannot be read, it wants nothing.
func (w *targets) tellOther(c contract.Contract) {
	wanted, _ := site.Wanted(w.ConfigDir, w.env)
	if other, err := artifact.ParseCommit(wanted[w.req.Service]); err == nil && other != c.Commit {
		terminal.Note(w.Err, fmt.Sprintf("deploy.json wants %s in %s at %s, not at %s", c.Service, c.Env, other.Short(), c.Commit.Short()))
	}
}

// noteRuns prints a note for each run that has a service of a dry run now, which asks no host.
// Without a configuration there is no state folder to look into.
func noteRuns(a *command.App, all []contract.Candidate) {
	config, err := site.LoadConfig(a.ConfigDir)
	if err != nil {
		return
	}
	for _, run := range journal.Open(config.RunsDir()).Going(ledger.Open(config.LedgerDir())) {
		if slices.ContainsFunc(all, func(c contract.Candidate) bool {
			return c.Contract.Service.String() == run.Service && c.Contract.Env == run.Env
		}) {
			terminal.Note(a.Err, "a run goes on: "+run.Sentence(run.Commit.Short(), time.Now()))
		}
	}
}

// all are the contracts of every service that deploy.json names.
func (w *targets) all() ([]contract.Candidate, error) {
	wanted, err := site.Wanted(w.ConfigDir, w.env)
	if err != nil {
		return nil, err
	}
	return contract.Candidates(w.catalog, w.env, wanted, w.req), nil
}

// candidates returns the contract of --service, or the contracts of all services.
func (w *targets) candidates() ([]contract.Candidate, error) {
	if w.req.Service == "" {
		return w.all()
	}
	c, err := w.one()
	return []contract.Candidate{{Service: w.req.Service, Contract: c}}, err
}

// hosts wires and runs do with everything that a deploy touches.
func (w *targets) hosts(ctx context.Context, access site.Access, do func(context.Context, *deploy.Deployer) (present.Answer, error)) (present.Answer, error) {
	wired, err := w.Wire(w.catalog, access)
	if err != nil {
		return present.Answer{}, err
	}
	defer wired.Close()
	if w.req.Service == "" {
		wired.NameServices()
	}
	w.Remind(wired.Config)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wired.Remote.Warm(ctx)
	return do(ctx, wired.Deployer.Heeding(w.req.TakeOver, w.wait))
}

// attempt is what a command tries that may end before a deployer is wired, which keeps the
// journal from then on.
type attempt struct {
	app   *command.App
	acts  bool // else it is no attempt, and no journal has it
	about journal.Line
}

func newAttempt(a *command.App, acts bool, c contract.Contract) attempt {
	return attempt{a, acts, journal.Line{Service: c.Service, Env: c.Env, Commit: c.Commit}}
}

// refused answers with the result that the attempt ended with.
func (t attempt) refused(r contract.Result) present.Answer {
	if t.acts {
		t.app.Refused(t.about, r)
	}
	return present.Deployed(r)
}

// failed returns the error that the attempt ended with.
func (t attempt) failed(err error) error {
	if t.acts && err != nil {
		t.app.Refused(t.about, contract.Refused(err))
	}
	return err
}
