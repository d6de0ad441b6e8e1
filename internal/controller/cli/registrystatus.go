package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

func (a *app) registryStatus() *cobra.Command {
	return a.registryQuestion("status", "Tell what the registry on its host is like", registry.Report.Status,
		`status reads what there is and judges it; nothing is changed. It is ok, and exits
with 0, when the registry could be read: "not installed" is an answer.`)
}

func (a *app) registryHealth() *cobra.Command {
	return a.registryQuestion("health", "Ask whether the registry runs as it should", registry.Report.Health,
		`health reads and judges as status does. It is ok when all is as declared. Exit codes:
0 healthy, 4 it serves and something about it is wrong or not as declared, 1 anything else.`)
}

// registryQuestion is status or health: one read, told as the answer to one of two
// questions.
func (a *app) registryQuestion(name, short string, as func(registry.Report) registry.Report, long string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := site.LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			far := site.NewRemote(c.Hosts[c.RegistryHost], a.version)
			defer func() { _ = far.Close() }()
			var report registry.Report
			if facts, err := far.InspectRegistry(cmd.Context(), c.Registry); err != nil {
				report = site.Unread(cmd.Context(), c, a.sshAlone, err)
			} else {
				report = registry.Judge(c.Registry, facts)
			}
			if report.Next == cmd.CommandPath() {
				report.Next = "unidesk-controller doctor"
			}
			return a.finishRegistry(cmd.Context(), present.RegistryResult{Host: c.RegistryHost, Report: as(report)})
		},
	}
}
