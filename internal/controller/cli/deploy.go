package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
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
	return refuse.Group(cmd, a.deployPlan(), a.deployApply(), a.deployDiff())
}

// reconciler is how far a command goes, for one service and for all services. If the
// fields one and all are nil, the command answers from contracts alone.
type reconciler struct {
	access site.Access
	acts   bool
	grant  string // its file
	one    func(d *deploy.Deployer, ctx context.Context, c contract.Contract, force bool) contract.Result
	all    func(d *deploy.Deployer, ctx context.Context, env artifact.Env, all []contract.Candidate, force bool) contract.Reconciliation
}

// planning looks at the hosts and changes nothing.
func planning() reconciler {
	return reconciler{
		access: site.Reading,
		one: func(d *deploy.Deployer, ctx context.Context, c contract.Contract, _ bool) contract.Result {
			return d.Plan(ctx, c)
		},
		all: func(d *deploy.Deployer, ctx context.Context, env artifact.Env, all []contract.Candidate, _ bool) contract.Reconciliation {
			return d.PlanAll(ctx, env, all)
		},
	}
}

func (a *app) reconcile(ctx context.Context, req contract.Request, how reconciler) (present.Answer, error) {
	w, err := a.targets(req)
	if err != nil {
		return present.Answer{}, err
	}
	if req.Service != "" {
		wanted, err := w.one()
		if err != nil {
			return present.Answer{}, err
		}
		wanted, refused, err := site.Granted(ctx, a.configDir, wanted, how.grant)
		if err != nil {
			return present.Answer{}, err
		}
		if refused != nil {
			return present.Deployed(*refused), nil
		}
		if how.one == nil {
			return present.Deployed(contract.DryRun(wanted)), nil
		}
		if r, stopped := contract.Early(wanted, how.acts); stopped {
			return present.Deployed(r), nil
		}
		return w.hosts(ctx, how.access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
			if how.acts {
				a.acts(&wanted)
			}
			return present.Deployed(how.one(d, ctx, wanted, req.Force).WithGrant(how.grant)), nil
		})
	}
	all, err := w.all()
	if err != nil {
		return present.Answer{}, err
	}
	if how.all == nil {
		return present.Reconciled(contract.LookAll(w.env, all, contract.DryRun)), nil
	}
	return w.hosts(ctx, how.access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
		if how.acts {
			a.acts(nil)
		}
		return present.Reconciled(how.all(d, ctx, w.env, all, req.Force)), nil
	})
}
