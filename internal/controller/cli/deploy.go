package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
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

func (a *app) deployPlan() *cobra.Command {
	var req deploy.Request
	cmd := &cobra.Command{
		Use: "plan --env ENV [--service NAME [--commit FULL-SHA]]", Short: "Check against the real hosts, and change nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.reconcile(cmd.Context(), req, reconciler{
				early: func(c deploy.Contract) (deploy.Result, bool) { return atGate(c, false) },
				one:   (*deploy.Deployer).Plan,
				all: func(ctx context.Context, d *deploy.Deployer, env catalog.Env, all []deploy.Candidate) deploy.Reconciliation {
					return deploy.LookAll(env, all, func(c deploy.Contract) deploy.Result { return d.Plan(ctx, c) })
				},
			})
		},
	}
	deployFlags(cmd, &req, nil)
	return withEnv(cmd)
}

func (a *app) deployApply() *cobra.Command {
	var req deploy.Request
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
				early: func(c deploy.Contract) (deploy.Result, bool) { return atGate(c, true) },
				one: func(d *deploy.Deployer, ctx context.Context, c deploy.Contract) deploy.Result {
					a.acts(&c)
					return d.Apply(ctx, c, req.Force)
				},
				all: func(ctx context.Context, d *deploy.Deployer, env catalog.Env, all []deploy.Candidate) deploy.Reconciliation {
					a.acts(nil)
					return d.ApplyAll(ctx, env, all, req.Force)
				},
			}
			if dryRun {
				how = reconciler{early: func(c deploy.Contract) (deploy.Result, bool) { return deploy.DryRun(c), true }}
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
	early func(deploy.Contract) (deploy.Result, bool)
	one   func(*deploy.Deployer, context.Context, deploy.Contract) deploy.Result
	all   func(context.Context, *deploy.Deployer, catalog.Env, []deploy.Candidate) deploy.Reconciliation
}

func (a *app) reconcile(ctx context.Context, req deploy.Request, how reconciler) error {
	w, err := a.targets(req)
	if err != nil {
		return err
	}
	if req.Service != "" {
		contract, err := w.one()
		if err != nil {
			return err
		}
		contract, refused, err := a.granted(ctx, contract, how.grant)
		if err != nil {
			return err
		}
		if refused != nil {
			return a.finish(*refused)
		}
		if r, done := how.early(contract); done {
			return a.finish(r)
		}
		return w.hosts(ctx, func(ctx context.Context, d *deploy.Deployer) error {
			return a.finish(withGrant(how.one(d, ctx, contract), how.grant))
		})
	}
	all, err := w.all()
	if err != nil {
		return err
	}
	if how.all == nil {
		return a.finishAll(deploy.LookAll(w.env, all, deploy.DryRun))
	}
	return w.hosts(ctx, func(ctx context.Context, d *deploy.Deployer) error {
		return a.finishAll(how.all(ctx, d, w.env, all))
	})
}

func (a *app) deployDiff() *cobra.Command {
	var req deploy.Request
	cmd := &cobra.Command{
		Use: "diff --env ENV [--service NAME [--commit FULL-SHA]]", Short: "Compare what is wanted with what was proven and what runs",
		Long: `diff compares the wanted commits with the newest receipts and with what runs.
Exit code 0: equal, 1: different.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.targets(req)
			if err != nil {
				return err
			}
			var all []deploy.Candidate
			if req.Service == "" {
				all, err = w.all()
			} else {
				var contract deploy.Contract
				contract, err = w.one()
				all = []deploy.Candidate{{Service: req.Service, Contract: contract}}
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
					a.code = present.ExitFailed
				}
				if a.format == "json" {
					return a.json(c)
				}
				return present.PrintComparison(a.Out, c)
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
func (a *app) finishAll(r deploy.Reconciliation) error {
	a.code = present.DecisionCode(r.Decision)
	if a.format == "json" {
		return a.json(r)
	}
	return present.PrintReconciliation(a.Out, r)
}
