package controller

import (
	"context"
	"fmt"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

// deploy is the reconciler over deploy.json.
func (a *app) deploy() *cobra.Command {
	cmd := &cobra.Command{
		Use: "deploy", Short: "Bring an environment to what deploy.json wants",
		Long: `deploy goes by deploy.json, which it reads and never writes: the wanted commit of
each service of an environment. With --service it is about that one, with
--commit about that commit instead of the wanted one.`,
	}
	return grouped(cmd, a.deployPlan(), a.deployApply(), a.deployDiff())
}

// wishes are the commits that a command of the reconciler is about.
type wishes struct {
	*app
	req     contract.Request
	env     catalog.Env
	catalog *catalog.Catalog
}

func (a *app) wishes(req contract.Request) (*wishes, error) {
	if req.Commit != "" && req.Service == "" {
		return nil, fault.New(fault.Usage, "--commit wants --service: a commit is one service's")
	}
	env, err := catalog.ParseEnv(req.Env)
	if err != nil {
		return nil, err
	}
	services, err := LoadCatalog(a.configDir)
	if err != nil {
		return nil, err
	}
	req.Entry, req.Statement = contract.ByDeployApply, statement
	return &wishes{app: a, req: req, env: env, catalog: services}, nil
}

// one is the contract of --service, at --commit or the commit that is wanted.
func (w *wishes) one() (contract.Contract, error) {
	if w.req.Commit == "" {
		if _, err := w.catalog.Row(w.req.Service); err != nil {
			return contract.Contract{}, err
		}
		wanted, err := w.wanted()
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
	c, err := contract.NewContract(w.catalog, w.req)
	if err == nil {
		w.tellOther(c)
	}
	return c, err
}

// tellOther says that deploy.json wants another commit than the one that was given,
// which the next deploy apply of everything would bring back. Where deploy.json
// cannot be read it wants nothing.
func (w *wishes) tellOther(c contract.Contract) {
	wanted, _ := w.wanted()
	if other, err := artifact.ParseCommit(wanted[w.req.Service]); err == nil && other != c.Commit {
		lipgloss.Fprintln(w.Err, warn.Render("note:")+fmt.Sprintf(" deploy.json wants %s in %s at %s, not at %s", c.Service, c.Env, other.Short(), c.Commit.Short()))
	}
}

// all are the contracts of every service that deploy.json names.
func (w *wishes) all() ([]contract.Candidate, error) {
	wanted, err := w.wanted()
	if err != nil {
		return nil, err
	}
	return contract.Candidates(w.catalog, w.env, wanted, w.req), nil
}

func (w *wishes) wanted() (map[string]string, error) {
	c, err := LoadConfig(w.configDir)
	if err != nil {
		return nil, err
	}
	return unidesk.Wanted(c.Master.Root, c.Master.Deploy, string(w.env))
}

// hosts wires and runs do with everything that a deploy touches.
func (w *wishes) hosts(ctx context.Context, do func(context.Context, *deploy.Deployer) error) error {
	wired, err := w.wire(w.catalog)
	if err != nil {
		return err
	}
	defer wired.Close()
	w.remind(wired.config)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wired.remote.warm(ctx)
	err = do(ctx, wired.deployer)
	wired.progress.close()
	return err
}

func (a *app) deployPlan() *cobra.Command {
	var req contract.Request
	cmd := &cobra.Command{
		Use: "plan --env ENV [--service NAME [--commit FULL-SHA]]", Short: "Check against the real hosts, and change nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.reconcile(cmd.Context(), req, reconciler{
				early: func(c contract.Contract) (contract.Result, bool) { return atGate(c, false) },
				one:   (*deploy.Deployer).Plan,
				all: func(ctx context.Context, d *deploy.Deployer, env catalog.Env, all []contract.Candidate) contract.Reconciliation {
					return contract.LookAll(env, all, func(c contract.Contract) contract.Result { return d.Plan(ctx, c) })
				},
			})
		},
	}
	deployFlags(cmd, &req, nil)
	return withEnv(cmd)
}

func (a *app) deployApply() *cobra.Command {
	var req contract.Request
	var dryRun bool
	var file string
	cmd := &cobra.Command{
		Use:   "apply --env ENV [--service NAME [--commit FULL-SHA] [--grant FILE]] [--dry-run]",
		Short: "Bring it live: the guardrail first, then what deploy-service --run-now does",
		Long: `apply passes the guardrail that every artifact consumer passes (contract, gates,
every check that only reads) and then does what deploy-service --run-now does.
Without --service it does so for each service that deploy.json names in the
environment: what a gate stops is skipped and listed, a failure stops the rest.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case file != "" && dryRun:
				return errDryRunGrant()
			case file != "" && req.Service == "":
				return fault.New(fault.Usage, "--grant wants --service: a grant is one service's")
			}
			how := reconciler{
				grant: file,
				early: func(c contract.Contract) (contract.Result, bool) { return atGate(c, true) },
				one: func(d *deploy.Deployer, ctx context.Context, c contract.Contract) contract.Result {
					a.acts(&c)
					return d.Apply(ctx, c, req.Force)
				},
				all: func(ctx context.Context, d *deploy.Deployer, env catalog.Env, all []contract.Candidate) contract.Reconciliation {
					a.acts(nil)
					return d.ApplyAll(ctx, env, all, req.Force)
				},
			}
			if dryRun {
				how = reconciler{early: func(c contract.Contract) (contract.Result, bool) { return contract.DryRun(c), true }}
			}
			return a.reconcile(cmd.Context(), req, how)
		},
	}
	deployFlags(cmd, &req, &dryRun)
	grantFlag(cmd, &file)
	cmd.Flags().BoolVar(&req.Force, "force", false, "recreate a service even if the commit runs already")
	return withEnv(cmd)
}

// reconciler is how far a command goes, for one service and for all. Early may
// answer from the contract alone; without an all nothing else is asked.
type reconciler struct {
	grant string // its file
	early func(contract.Contract) (contract.Result, bool)
	one   func(*deploy.Deployer, context.Context, contract.Contract) contract.Result
	all   func(context.Context, *deploy.Deployer, catalog.Env, []contract.Candidate) contract.Reconciliation
}

func (a *app) reconcile(ctx context.Context, req contract.Request, how reconciler) error {
	w, err := a.wishes(req)
	if err != nil {
		return err
	}
	if req.Service != "" {
		c, err := w.one()
		if err != nil {
			return err
		}
		c, refused, err := a.granted(ctx, c, how.grant)
		if err != nil {
			return err
		}
		if refused != nil {
			return a.finish(*refused)
		}
		if r, done := how.early(c); done {
			return a.finish(r)
		}
		return w.hosts(ctx, func(ctx context.Context, d *deploy.Deployer) error {
			return a.finish(withGrant(how.one(d, ctx, c), how.grant))
		})
	}
	all, err := w.all()
	if err != nil {
		return err
	}
	if how.all == nil {
		return a.finishAll(contract.LookAll(w.env, all, contract.DryRun))
	}
	return w.hosts(ctx, func(ctx context.Context, d *deploy.Deployer) error {
		return a.finishAll(how.all(ctx, d, w.env, all))
	})
}

func (a *app) deployDiff() *cobra.Command {
	var req contract.Request
	cmd := &cobra.Command{
		Use: "diff --env ENV [--service NAME [--commit FULL-SHA]]", Short: "Compare what is wanted with what was proven and what runs",
		Long: `diff compares the wanted commits with the newest receipts and with what runs.
Exit code 0: equal, 1: different.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.wishes(req)
			if err != nil {
				return err
			}
			var all []contract.Candidate
			if req.Service == "" {
				all, err = w.all()
			} else {
				var c contract.Contract
				c, err = w.one()
				all = []contract.Candidate{{Service: req.Service, Contract: c}}
			}
			if err != nil {
				return err
			}
			return w.hosts(cmd.Context(), func(ctx context.Context, d *deploy.Deployer) error {
				c, err := d.Diff(ctx, w.env, all)
				if err != nil {
					return err
				}
				if !c.Equal {
					a.code = ExitFailed
				}
				if a.format == "json" {
					return a.json(c)
				}
				return printComparison(a.Out, c)
			})
		},
	}
	deployFlags(cmd, &req, nil)
	return withEnv(cmd)
}

func withEnv(cmd *cobra.Command) *cobra.Command {
	if err := cmd.MarkFlagRequired("env"); err != nil {
		panic(err) // the flag is defined by deployFlags
	}
	cmd.Flags().Lookup("env").Usage = "environment, dev or prod"
	return cmd
}

// finishAll prints what came of all services and sets the exit code.
func (a *app) finishAll(r contract.Reconciliation) error {
	a.code = decisionCode(r.Decision)
	if a.format == "json" {
		return a.json(r)
	}
	return printReconciliation(a.Out, r)
}
