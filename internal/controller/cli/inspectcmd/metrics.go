package inspectcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/metrics"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

type metricsCommand struct{ *command.App }

// NewMetrics returns the command metrics.
func NewMetrics(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "metrics", Short: "Print Prometheus metrics of the deploys of this master",
		Long: `metrics prints what the receipts, the journal of runs, the unconfirmed
changes and the state folders come to, in Prometheus's text format. watch writes
the same to the file that metrics.textfile of controller.yaml names. It contacts
no host: status shows which hosts answer, and artifact-registry health how the
registry is.

Exit codes: 0 all was read, 1 something could not be read and is left out.`,
		Example: `  unidesk-controller metrics
  unidesk-controller metrics -o json`,
		Args: cobra.NoArgs, RunE: a.Runs(metricsCommand{a}),
	}
}

func (c metricsCommand) Run(context.Context) (present.Answer, error) {
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	services, err := site.LoadCatalog(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	c.Remind(config)
	r := metrics.Reader{Config: config, Services: services, Build: c.Build()}
	f := r.Read(time.Now())
	if err := f.Fault(); err != nil {
		terminal.Note(c.Err, err.Error())
	}
	return present.Metrics(f)
}
