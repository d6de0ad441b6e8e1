package deploycmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type recoverCommand struct {
	*command.App
	takeOver bool
	wait     time.Duration
}

// NewRecover returns the command recover.
func NewRecover(a *command.App) *cobra.Command {
	c := &recoverCommand{App: a}
	cmd := &cobra.Command{
		Use: "recover [--max-rate SIZE] [--take-over] [--wait[=TIME]]", Short: "End what killed runs left: revert it, or finish its receipt",
		Example: "  unidesk-controller recover", Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	a.RateFlag(cmd)
	takeOverFlag(cmd, &c.takeOver)
	waitFlag(cmd, &c.wait)
	return cmd
}

func (c *recoverCommand) Run(ctx context.Context) (present.Answer, error) {
	w, err := c.WireDefault(site.Acting)
	if err != nil {
		return present.Answer{}, err
	}
	defer w.Close()
	w.NameServices()
	c.Acts(nil)
	done, err := w.Deployer.Heeding(c.takeOver, c.wait).Recover(ctx)
	return present.Recovered(done), err
}
