package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
)

// deployFlags are what every command about a commit takes.
func deployFlags(cmd *cobra.Command, req *deploy.Request, dryRun *bool) {
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
