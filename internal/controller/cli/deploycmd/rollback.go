package deploycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

type rollbackCommand struct {
	*command.App
	service string
	env     artifact.Env
}

// NewRollback returns the command rollback.
func NewRollback(a *command.App) *cobra.Command {
	c := &rollbackCommand{App: a}
	cmd := &cobra.Command{
		Use: "rollback --service NAME [--env ENV]", Short: "List what a service can go back to, and the command for each",
		Long: `rollback lists the commits that were proven, newest first, with what is left of
each, and prints the command that goes back to it. It executes nothing.
Exit code 0: there is a candidate, 1: there is none.`,
		Example: "  unidesk-controller rollback --service frontend --env prod",
		Args:    cobra.NoArgs, RunE: a.Runs(c),
	}
	command.ServiceFlags(cmd, &c.service, &c.env)
	return cmd
}

func (c *rollbackCommand) Run(ctx context.Context) (present.Answer, error) {
	at, err := c.Place(c.service, c.env)
	if err != nil {
		return present.Answer{}, err
	}
	defer at.Close()
	options, err := inventory.FindCandidates(ctx, at)
	return present.Rollback(options).UnlessStopped(ctx), err
}
