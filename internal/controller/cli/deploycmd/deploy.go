// Package deploycmd holds the commands that bring a commit live, prepare that, or revert
// it, with the plans and comparisons that come before. What a deploy does is decided in
// internal/deploy.
package deploycmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

// NewDeploy returns the command deploy, the reconciler over deploy.json.
func NewDeploy(a *command.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "deploy", Short: "Bring an environment to what deploy.json wants",
		Long: `deploy goes by deploy.json, which it reads and never writes: the wanted commit
of each service of an environment. With --service it is about that one, with
--commit about that commit instead of the wanted one.`,
	}
	return refuse.Group(cmd, newPlan(a), newApply(a), newDiff(a))
}

// reconciler is how far a command goes, for one service and for all services. If the
// fields one and all are nil, the command answers from contracts alone.
type reconciler struct {
	access site.Access
	acts   bool
	grant  string // its file
	wait   time.Duration
	one    func(d *deploy.Deployer, ctx context.Context, c contract.Contract, force bool) contract.Result
	// ask returns why an environment is not to be deployed; nil asks nothing.
	ask func(ctx context.Context, d *deploy.Deployer, env artifact.Env, all []contract.Candidate) error
	all func(d *deploy.Deployer, ctx context.Context, env artifact.Env, all []contract.Candidate, force bool) contract.Reconciliation
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

func reconcile(ctx context.Context, a *command.App, req contract.Request, how reconciler) (present.Answer, error) {
	w, err := newTargets(a, req)
	if err != nil {
		return present.Answer{}, err
	}
	w.wait = how.wait
	if req.Service != "" {
		wanted, err := w.one()
		if err != nil {
			return present.Answer{}, err
		}
		try := newAttempt(a, how.acts, wanted)
		wanted, refused, err := site.Granted(ctx, a.ConfigDir, wanted, how.grant)
		if err != nil {
			return present.Answer{}, err
		}
		if refused != nil {
			return try.refused(*refused), nil
		}
		if how.one == nil {
			noteRuns(a, []contract.Candidate{{Contract: wanted}})
			return present.Deployed(contract.DryRun(wanted)), nil
		}
		if r, stopped := contract.Early(wanted, how.acts); stopped {
			return try.refused(r), nil
		}
		answer, err := w.hosts(ctx, how.access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
			if how.acts {
				a.Acts(&wanted)
			}
			return present.Deployed(how.one(d, ctx, wanted, req.Force).WithGrant(how.grant)), nil
		})
		return answer, try.failed(err)
	}
	all, err := w.all()
	if err != nil {
		return present.Answer{}, err
	}
	if how.all == nil {
		noteRuns(a, all)
		return present.Reconciled(contract.LookAll(w.env, all, contract.DryRun)), nil
	}
	return w.hosts(ctx, how.access, func(ctx context.Context, d *deploy.Deployer) (present.Answer, error) {
		if how.ask != nil {
			if err := how.ask(ctx, d, w.env, all); err != nil {
				return present.Answer{}, err
			}
		}
		if how.acts {
			a.Acts(nil)
		}
		return present.Reconciled(how.all(d, ctx, w.env, all, req.Force)), nil
	})
}
