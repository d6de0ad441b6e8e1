package registrycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// questionCommand is status or health. Both read once, and each answers its own question.
type questionCommand struct {
	*command.App
	as func(registry.Report) registry.Report
}

func newStatus(a *command.App) *cobra.Command {
	return newQuestion(a, registry.Report.Status, &cobra.Command{
		Use: "status", Short: "Show the state of the registry on its host", Example: "  unidesk-controller artifact-registry status",
		Long: `status reads what there is and judges it; nothing is changed. It is ok, and
exits with 0, when the registry could be read: "not installed" is an answer.`,
	})
}

func newHealth(a *command.App) *cobra.Command {
	return newQuestion(a, registry.Report.Health, &cobra.Command{
		Use: "health", Short: "Ask whether the registry runs as it should", Example: "  unidesk-controller artifact-registry health",
		Long: `health reads and judges as status does. It is ok when all is as declared. Exit
codes: 0 healthy, 4 it serves and something about it is wrong or not as
declared, 1 anything else.`,
	})
}

func newQuestion(a *command.App, as func(registry.Report) registry.Report, cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.Do(cmd.Context(), questionCommand{a, as})
	}
	return cmd
}

func (c questionCommand) Run(ctx context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	far := site.NewRemote(config.RegistryHost, config.Hosts[config.RegistryHost], c.Version)
	defer func() { _ = far.Close() }()
	var report registry.Report
	if facts, err := far.InspectRegistry(ctx, config.Registry); err != nil {
		report = site.Unread(ctx, config, c.Probe, err)
	} else {
		report = registry.Judge(config.Registry, facts)
	}
	return registryanswer.Report(registryanswer.Result{Host: config.RegistryHost, Report: c.as(report)}).UnlessStopped(ctx), nil
}
