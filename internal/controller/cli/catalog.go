package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func (a *app) catalog() *cobra.Command {
	cmd := &cobra.Command{Use: "catalog", Short: "Check or print a catalog of services"}
	return grouped(
		cmd,
		&cobra.Command{
			Use: "check FILE", Short: "List every fault of a services.yaml", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error {
				content, err := os.ReadFile(args[0])
				if err != nil {
					return fault.New(fault.Usage, "%w", err)
				}
				c, err := catalog.Parse(content)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(a.Out, "ok: %s, %s\n", doctor.Counted(len(c.Services()), "service"), c.Hash)
				return err
			},
		},
		&cobra.Command{
			Use: "print", Short: "Print the built-in services.yaml, to start one's own from", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := a.Out.Write(catalog.BuiltinFile())
				return err
			},
		},
	)
}
