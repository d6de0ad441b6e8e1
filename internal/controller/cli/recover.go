package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type recoverCommand struct {
	*app
	takeOver bool
}

func (a *app) recover() *cobra.Command {
	c := &recoverCommand{app: a}
	cmd := &cobra.Command{
		Use: "recover [--max-rate SIZE] [--take-over]", Short: "End what killed runs left: the old version back, or the receipt finished",
		Example: "  unidesk-controller recover", Args: cobra.NoArgs, RunE: a.runs(c),
	}
	a.rateFlag(cmd)
	takeOverFlag(cmd, &c.takeOver)
	return cmd
}

func (c *recoverCommand) run(ctx context.Context) (present.Answer, error) {
	w, err := c.wireDefault(site.Acting)
	if err != nil {
		return present.Answer{}, err
	}
	defer w.Close()
	c.acts(nil)
	done, err := deployer(w.Deployer, c.takeOver).Recover(ctx)
	return present.Recovered(done), err
}
