package inspectcmd

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type verifyCommand struct {
	*command.App
	env     artifact.Env
	service string
}

// NewVerify returns the command verify.
func NewVerify(a *command.App) *cobra.Command {
	c := &verifyCommand{App: a}
	cmd := &cobra.Command{
		Use: "verify --service NAME [--env dev|prod]", Short: "Ask whether what the last receipt proved still runs",
		Example: "  unidesk-controller verify --service frontend --env prod",
		Args:    cobra.NoArgs, RunE: a.Runs(c),
	}
	command.ServiceFlags(cmd, &c.service, &c.env)
	return cmd
}

func (c *verifyCommand) Run(ctx context.Context) (present.Answer, error) {
	w, err := c.WireDefault(site.Reading)
	if err != nil {
		return present.Answer{}, err
	}
	defer w.Close()
	c.Remind(w.Config)
	return present.Deployed(w.Deployer.Verify(ctx, cmp.Or(c.env, artifact.Prod), c.service)), nil
}
