package setupcmd

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// NewCatalog returns the command catalog, with check and print below it.
func NewCatalog(a *command.App) *cobra.Command {
	cmd := &cobra.Command{Use: "catalog", Short: "Check or print a catalog of services"}
	return refuse.Group(cmd, newCatalogCheck(a), newCatalogPrint(a))
}

type catalogCheckCommand struct{ file string }

func newCatalogCheck(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "List every fault of a services.yaml", Example: "  unidesk-controller catalog check /etc/unidesk/services.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.Do(cmd.Context(), catalogCheckCommand{args[0]})
		},
	}
}

func (c catalogCheckCommand) Run(context.Context) (present.Answer, error) {
	services, err := site.ReadCatalog(c.file)
	if errors.As(err, new(*fs.PathError)) {
		err = fault.New(fault.Usage, "%w", err)
	}
	if err != nil {
		return present.Answer{}, err
	}
	return present.Checked(present.CatalogChecked{OK: true, File: c.file, Services: len(services.Services()), Hash: services.Hash.String()}), nil
}

type catalogPrintCommand struct{}

func newCatalogPrint(a *command.App) *cobra.Command {
	return &cobra.Command{
		Use: "print", Short: "Print the built-in services.yaml, to start one's own from", Example: "  unidesk-controller catalog print > services.yaml",
		Args: cobra.NoArgs, RunE: a.Runs(catalogPrintCommand{}),
	}
}

func (catalogPrintCommand) Run(context.Context) (present.Answer, error) {
	return present.File("services.yaml", string(catalog.BuiltinFile())), nil
}
