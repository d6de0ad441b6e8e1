package setupcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// NewNotify returns the command notify.
func NewNotify(a *command.App) *cobra.Command {
	cmd := &cobra.Command{
		Use: "notify", Short: "Notices of how runs end",
		Long: `A notice of how each run ended goes to the program or the webhook in the section
notify of controller.yaml. What cannot be sent changes no outcome.`,
	}
	refuse.Group(cmd, &cobra.Command{
		Use: "test", Short: "Send a notice, to try the configuration", Example: "  unidesk-controller notify test",
		Args: cobra.NoArgs, RunE: a.Runs(notifyTestCommand{a}),
	})
	return cmd
}

type notifyTestCommand struct{ *command.App }

func (c notifyTestCommand) Run(ctx context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	if !config.Notify.Set() {
		return present.Answer{}, fault.New(fault.ConfigInvalid, "controller.yaml has no program and no webhook for notices").
			WithHint("add the section notify: %s", manual.Page("configuration.md"))
	}
	return present.Sent(config.Notify.Send(ctx, notify.Try(site.Who(), time.Now()))).UnlessStopped(ctx), nil
}
