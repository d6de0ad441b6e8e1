package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
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

// reconciler is how far a command goes, for one service and for all. Early may
// answer from the contract alone; without an all nothing else is asked.
type reconciler struct {
	access site.Access
	grant  string // its file
	early  func(deploy.Contract) (deploy.Result, bool)
	one    func(*deploy.Deployer, context.Context, deploy.Contract) deploy.Result
	all    func(context.Context, *deploy.Deployer, catalog.Env, []deploy.Candidate) deploy.Reconciliation
}

func (a *app) reconcile(ctx context.Context, req deploy.Request, how reconciler) (present.Answer, error) {
	w, err := a.targets(req)
	if err != nil {
		return present.Answer{}, err
	}
	if req.Service != "" {
		contract, err := w.one()
		if err != nil {
			return present.Answer{}, err
		}
		contract, refused, err := site.Granted(ctx, a.configDir, contract, how.grant)
		if err != nil {
			return present.Answer{}, err
		}
		if refused != nil {
			return present.Deployed(*refused), nil
		}
		if r, done := how.early(contract); done {
			return present.Deployed(r), nil
		}
		return w.hosts(ctx, how.access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
			return present.Deployed(withGrant(how.one(d, ctx, contract), how.grant)), nil
		})
	}
	all, err := w.all()
	if err != nil {
		return present.Answer{}, err
	}
	if how.all == nil {
		return present.Reconciled(deploy.LookAll(w.env, all, deploy.DryRun)), nil
	}
	return w.hosts(ctx, how.access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
		return present.Reconciled(how.all(ctx, d, w.env, all)), nil
	})
}

// atGate answers, before any configuration is read, for what a gate stops whatever
// the hosts say.
func atGate(c deploy.Contract, live bool) (deploy.Result, bool) {
	reach := deploy.ReachPlan
	if live {
		reach = deploy.ReachLive
	}
	if c.Gate.Stops(reach) && c.Gate.Code != catalog.Promote { // dev's receipts may open that one
		return deploy.Gated(c), true
	}
	return deploy.Result{}, false
}
