package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type verifyCommand struct {
	*app
	env     artifact.Env
	service string
}

func (a *app) verify() *cobra.Command {
	c := &verifyCommand{app: a}
	cmd := &cobra.Command{
		Use: "verify --service NAME [--env dev|prod]", Short: "Ask whether what the last receipt proved still runs",
		Example: "  unidesk-controller verify --service frontend --env prod",
		Args:    cobra.NoArgs, RunE: a.runs(c),
	}
	serviceFlags(cmd, &c.service, &c.env)
	return cmd
}

func (c *verifyCommand) run(ctx context.Context) (present.Answer, error) {
	w, err := c.wireDefault(site.Reading)
	if err != nil {
		return present.Answer{}, err
	}
	defer w.Close()
	c.remind(w.Config)
	return present.Deployed(w.Deployer.Verify(ctx, cmp.Or(c.env, artifact.Prod), c.service)), nil
}
