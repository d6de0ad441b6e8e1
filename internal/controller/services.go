package controller

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func (a *app) services() *cobra.Command {
	return &cobra.Command{
		Use: "services", Short: "List the services of the catalog", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := LoadCatalog(a.configDir)
			if err != nil {
				return err
			}
			type service struct {
				Service   string            `json:"service"`
				Container string            `json:"container"`
				Modes     map[string]string `json:"modes"`
				Why       map[string]string `json:"why"`
			}
			var list []service
			var lines [][]string
			for _, id := range c.Services() {
				row, err := c.Row(id.String())
				if err != nil {
					return err
				}
				s := service{Service: id.String(), Container: row.Compose.Container, Modes: map[string]string{}, Why: map[string]string{}}
				line := []string{id.String(), row.Compose.Container}
				for _, env := range []catalog.Env{catalog.Prod, catalog.Dev} {
					e := row.Environments[env]
					s.Modes[string(env)] = string(e.Mode)
					if e.Why != "" {
						s.Why[string(env)] = e.Why
					}
					line = append(line, string(e.Mode))
				}
				list = append(list, s)
				lines = append(lines, append(line, row.Environments[catalog.Dev].Why))
			}
			if a.format == "json" {
				return a.json(list)
			}
			return rows(a.Out, []string{"SERVICE", "CONTAINER", "PROD", "DEV", "WHY"}, lines)
		},
	}
}

func (a *app) catalog() *cobra.Command {
	cmd := &cobra.Command{Use: "catalog", Short: "Check or print a catalog of services"}
	cmd.AddCommand(
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
				_, err = fmt.Fprintf(a.Out, "ok: %d services, %s\n", len(c.Services()), c.Hash)
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
	return cmd
}
