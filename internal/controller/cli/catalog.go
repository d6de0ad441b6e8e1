package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/refuse"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
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
	content, err := os.ReadFile(c.file)
	if err != nil {
		return present.Answer{}, fault.New(fault.Usage, "%w", err)
	}
	services, err := catalog.Parse(content)
	if err != nil {
		return present.Answer{}, err
	}
	return present.Text(fmt.Sprintf("ok: %s, %s\n", plain.Count(len(services.Services()), "service"), services.Hash)), nil
}

type catalogPrintCommand struct{}

func (a *app) catalogPrint() *cobra.Command {
	return &cobra.Command{
		Use: "print", Short: "Print the built-in services.yaml, to start one's own from", Example: "  unidesk-controller catalog print > services.yaml",
		Args: cobra.NoArgs, RunE: a.runs(catalogPrintCommand{}),
	}
}

func (catalogPrintCommand) run(context.Context) (present.Answer, error) {
	return present.Text(string(catalog.BuiltinFile())), nil
}
