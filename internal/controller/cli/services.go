package cli

import (
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
)

func (a *app) services() *cobra.Command {
	return &cobra.Command{
		Use: "services [NAME]", Short: "List the services of the catalog: where they run, how far they may go; with NAME one of them whole, and why",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeServices,
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			catalogRows, err := site.RowsOf(a.configDir, name)
			if err != nil {
				return err
			}
			var list []inventory.Service
			for _, row := range catalogRows {
				list = append(list, inventory.Listed(row))
			}
			switch {
			case a.format == "json":
				return a.json(list)
			case name != "":
				return present.PrintService(a.Out, list[0])
			}
			return present.PrintServices(a.Out, list)
		},
	}
}
