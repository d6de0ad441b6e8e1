package controller

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func (a *app) deployService() *cobra.Command {
	req := contract.Request{Statement: statement}
	var dryRun, runNow bool
	var file string
	cmd := &cobra.Command{
		Use:   "deploy-service --service NAME [--env dev|prod] --commit FULL-SHA [--dry-run | --run-now [--grant FILE]]",
		Short: "Bring a commit of a service live",
		Long: `deploy-service brings a commit of a service live in three steps that a person
can take one at a time:

  --dry-run   the contract, from the catalog alone; nothing is contacted
  (no flag)   the same, and a read-only preflight against the real hosts
  --run-now   do it, prove it, or put back what ran`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun && runNow {
				return fault.New(fault.Usage, "--dry-run and --run-now exclude each other")
			}
			if dryRun && file != "" {
				return errDryRunGrant()
			}
			services, err := LoadCatalog(a.configDir)
			if err != nil {
				return err
			}
			c, err := contract.NewContract(services, req)
			if err != nil {
				return err
			}
			if dryRun {
				return a.finish(contract.DryRun(c))
			}
			c, refused, err := a.granted(cmd.Context(), c, file)
			if err != nil {
				return err
			}
			if refused != nil {
				return a.finish(*refused)
			}
			if early, stopped := atGate(c, runNow); stopped {
				return a.finish(early)
			}
			w, err := a.wire(services)
			if err != nil {
				return err
			}
			defer w.Close()
			a.remind(w.config)
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			w.remote.warm(ctx)
			if !runNow {
				return a.finish(withGrant(w.deployer.Plan(ctx, c), file))
			}
			a.acts(&c)
			result := w.deployer.Run(ctx, c, req.Force)
			w.progress.close()
			return a.finish(withGrant(result, file))
		},
	}
	deployFlags(cmd, &req, &dryRun)
	grantFlag(cmd, &file)
	f := cmd.Flags()
	f.BoolVar(&runNow, "run-now", false, "deploy")
	f.BoolVar(&req.Force, "force", false, "recreate the service even if the commit runs already")
	for _, name := range []string{"service", "commit"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

// deployFlags are what every command about a commit takes.
func deployFlags(cmd *cobra.Command, req *contract.Request, dryRun *bool) {
	f := cmd.Flags()
	f.StringVar(&req.Service, "service", "", "service of the catalog")
	f.StringVar(&req.Env, "env", "", "environment, dev or prod (default prod)")
	f.StringVar(&req.Commit, "commit", "", "full commit id")
	if dryRun != nil {
		f.BoolVar(dryRun, "dry-run", false, "print the contract and contact nothing")
	}
}

// atGate answers, before any configuration is read, for what a gate stops whatever
// the hosts say.
func atGate(c contract.Contract, live bool) (contract.Result, bool) {
	reach := contract.ReachPlan
	if live {
		reach = contract.ReachLive
	}
	if c.Gate.Stops(reach) && c.Gate.Code != catalog.Promote { // dev's receipts may open that one
		return contract.Gated(c), true
	}
	return contract.Result{}, false
}

// deployBackendCore is the legacy entry: whatever it is given, it only names the
// command to use.
func (a *app) deployBackendCore() *cobra.Command {
	var commit string
	cmd := &cobra.Command{
		Use: "deploy-backend-core", Short: "Deprecated: use deploy apply --env prod --service backend-core", Args: cobra.ArbitraryArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		RunE: func(*cobra.Command, []string) error {
			if _, err := artifact.ParseCommit(commit); err != nil {
				commit = string(contract.AnyCommit)
			}
			return a.finish(contract.Deprecated(commit))
		},
	}
	cmd.Flags().StringVar(&commit, "commit", "", "full commit id, for the command that is named")
	return cmd
}
