package cli

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func (a *app) catalog() *cobra.Command {
	cmd := &cobra.Command{Use: "catalog", Short: "Check or print a catalog of services"}
	return refuse.Group(cmd, a.catalogCheck(), a.catalogPrint())
}

type catalogCheckCommand struct{ file string }

func (a *app) catalogCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "List every fault of a services.yaml", Example: "  unidesk-controller catalog check /etc/unidesk/services.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.do(cmd.Context(), catalogCheckCommand{args[0]})
		},
	}
}

func (c catalogCheckCommand) run(context.Context) (present.Answer, error) {
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

func (a *app) catalogPrint() *cobra.Command {
	return &cobra.Command{
		Use: "print", Short: "Print the built-in services.yaml, to start one's own from", Example: "  unidesk-controller catalog print > services.yaml",
		Args: cobra.NoArgs, RunE: a.runs(catalogPrintCommand{}),
	}
}

func (catalogPrintCommand) run(context.Context) (present.Answer, error) {
	return present.File(present.Printed{File: "services.yaml", Content: string(catalog.BuiltinFile())}), nil
}
