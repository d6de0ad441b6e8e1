package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// serviceFlags adds the flags of a command about one service.
func serviceFlags(cmd *cobra.Command, service *string, env *artifact.Env) {
	cmd.Flags().StringVar(service, "service", "", "service of the catalog")
	envFlag(cmd, env, "environment, `dev|prod` (default prod)")
	if err := cmd.MarkFlagRequired("service"); err != nil {
		panic(err) // the flag is defined above
	}
}

// envFlag adds the flag of an environment; the zero value is that of no flag.
func envFlag(cmd *cobra.Command, env *artifact.Env, usage string) {
	cmd.Flags().TextVar(env, "env", artifact.Env(0), usage)
}

// deployFlags are what every command about a commit takes.
func deployFlags(cmd *cobra.Command, req *contract.Request, dryRun *bool) {
	f := cmd.Flags()
	f.StringVar(&req.Service, "service", "", "service of the catalog")
	envFlag(cmd, &req.Env, "environment, `dev|prod` (default prod)")
	f.StringVar(&req.Commit, "commit", "", "full commit id")
	if dryRun != nil {
		f.BoolVar(dryRun, "dry-run", false, "print the contract and contact nothing")
	}
}

// digestFlag is the flag of a command that may deploy an image that was pushed anew.
func digestFlag(cmd *cobra.Command, req *contract.Request) {
	cmd.Flags().StringVar(&req.Digest, "digest", "", "the `DIGEST` that the commit's tag must name, if another was proven")
}

// deployer returns the deployer that a command acts through.
func deployer(d *deploy.Deployer, takeOver bool) *deploy.Deployer {
	if takeOver {
		return d.TakingOver()
	}
	return d
}

// takeOverFlag is the flag of a command that may end another run's change.
func takeOverFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "take-over", false, "end a change even if its run may still live, on another master too")
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

// byteRate is a number of bytes a second; 0 is no limit.
type byteRate int64

// leastRate lets a piece of a layer cross in the time that an agent waits for its receiver.
const leastRate = 10_000

// String implements pflag.Value.
func (r *byteRate) String() string {
	if *r == 0 {
		return ""
	}
	return plain.Size(int64(*r))
}

// Set implements pflag.Value.
func (r *byteRate) Set(s string) error {
	n, err := plain.ParseSize(s)
	if err != nil {
		return err
	}
	if n < leastRate {
		return fmt.Errorf("%s a second is less than %s", plain.Size(n), plain.Size(leastRate))
	}
	*r = byteRate(n)
	return nil
}

// Type implements pflag.Value.
func (*byteRate) Type() string { return "SIZE" }

// rateFlag is the flag of a command that transfers layers.
func (a *app) rateFlag(cmd *cobra.Command) {
	cmd.Flags().Var(&a.maxRate, "max-rate", "transfer at most so many bytes a second, such as 5MB")
}
