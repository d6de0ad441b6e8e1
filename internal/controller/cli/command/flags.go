package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// ServiceFlags adds the flags of a command about a service.
func ServiceFlags(cmd *cobra.Command, service *string, env *artifact.Env) {
	cmd.Flags().StringVar(service, "service", "", "service of the catalog")
	EnvFlag(cmd, env, "environment, `dev|prod` (default prod)")
	if err := cmd.MarkFlagRequired("service"); err != nil {
		panic(err) // the flag is defined above
	}
}

// EnvFlag adds the flag of an environment; without the flag the value is zero.
func EnvFlag(cmd *cobra.Command, env *artifact.Env, usage string) {
	cmd.Flags().TextVar(env, "env", artifact.Env(0), usage)
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

// RateFlag is the flag of a command that transfers layers.
func (a *App) RateFlag(cmd *cobra.Command) {
	cmd.Flags().Var(&a.maxRate, "max-rate", "transfer at most so many bytes a second, such as 5MB")
}
