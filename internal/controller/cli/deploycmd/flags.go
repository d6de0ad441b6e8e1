package deploycmd

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
)

// deployFlags are what every command about a commit takes.
func deployFlags(cmd *cobra.Command, req *contract.Request, dryRun *bool) {
	f := cmd.Flags()
	f.StringVar(&req.Service, "service", "", "service of the catalog")
	command.EnvFlag(cmd, &req.Env, "environment, `dev|prod` (default prod)")
	f.StringVar(&req.Commit, "commit", "", "full commit id")
	if dryRun != nil {
		f.BoolVar(dryRun, "dry-run", false, "print the contract and contact nothing")
	}
}

// digestFlag is the flag of a command that may deploy an image that was pushed anew.
func digestFlag(cmd *cobra.Command, req *contract.Request) {
	cmd.Flags().StringVar(&req.Digest, "digest", "", "the `DIGEST` that the commit's tag must name, if another was proven")
}

// againFlag is the flag of a command that may deploy an image whose proof failed before.
func againFlag(cmd *cobra.Command, req *contract.Request) {
	cmd.Flags().BoolVar(&req.Again, "again", false, "deploy an image though its proof has failed before")
}

// noteFlags are the flags for a person's note about a deploy.
func noteFlags(cmd *cobra.Command, note *ledger.Note) {
	f := cmd.Flags()
	f.StringVarP(&note.Message, "message", "m", "", "why it is deployed, in one `TEXT` line of at most 256 characters")
	f.StringVar(&note.Link, "link", "", "`URL` of more about it (default: the CI job that this runs in, if it is one)")
}

// noted returns the person's note in a form that a receipt may keep. Without a link it takes
// the CI job's, if this runs in a CI job. The flags themselves refuse nothing: their
// refusal would repeat a link with credentials.
func noted(n ledger.Note) (ledger.Note, error) {
	message, err := ledger.ParseMessage(n.Message)
	if err != nil {
		return ledger.Note{}, err
	}
	if n.Link == "" {
		return ledger.Note{Message: message, Link: ledger.JobLink(os.Getenv)}, nil
	}
	link, err := ledger.ParseLink(n.Link)
	return ledger.Note{Message: message, Link: link}, err
}

// takeOverFlag is the flag of a command that may end another run's change.
func takeOverFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "take-over", false, "end a change even if its run may still live, on another master too")
}

// waitFlag is the flag of a command that takes the lock of a service.
func waitFlag(cmd *cobra.Command, wait *time.Duration) {
	const most = "15m"
	cmd.Flags().DurationVar(wait, "wait", 0, "wait so long for another run of the service to end; alone it is "+most)
	cmd.Flags().Lookup("wait").NoOptDefVal = most
}

// withCommit makes a command need --service and --commit.
func withCommit(cmd *cobra.Command) *cobra.Command {
	for _, name := range []string{"service", "commit"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined by deployFlags
		}
	}
	return cmd
}

// withEnv makes a command need --env.
func withEnv(cmd *cobra.Command) *cobra.Command {
	if err := cmd.MarkFlagRequired("env"); err != nil {
		panic(err) // the flag is defined by deployFlags
	}
	cmd.Flags().Lookup("env").Usage = "environment, `dev|prod`"
	return cmd
}

// grantFlag is the flag of a command that a supervisor may have to grant.
func grantFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "grant", "", "file of a supervisor's grant; the dry run prints what to sign")
}

func errDryRunGrant() error {
	return fault.New(fault.Usage, "--dry-run contacts nothing and wants no --grant")
}
