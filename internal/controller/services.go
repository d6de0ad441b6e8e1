package controller

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/deploy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// service is a row as it is listed; each map is by environment.
type service struct {
	Service string `json:"service"`
	// Container is the container_name in prod, "" where it is not Compose.
	Container string              `json:"container"`
	Shapes    map[string]string   `json:"shapes"`
	Targets   map[string][]string `json:"targets"`
	Modes     map[string]string   `json:"modes"`
	// Gates are the ones that --run-now meets.
	Gates map[string]string `json:"gates"`
	Why   map[string]string `json:"why"`
}

func listed(row catalog.Row) service {
	s := service{
		Service: row.Service.String(), Shapes: map[string]string{}, Targets: map[string][]string{},
		Modes: map[string]string{}, Gates: map[string]string{}, Why: map[string]string{},
	}
	for _, env := range catalog.Envs() {
		e, name := row.Environment(env), string(env)
		s.Modes[name], s.Targets[name] = string(e.Mode), e.Target.Names()
		if e.Target.Shape != "" {
			s.Shapes[name] = string(e.Target.Shape)
		}
		gate := deploy.Judge(row, env, deploy.Asked{Entry: deploy.ByDeployService, Commit: deploy.CommitPlaceholder})
		if gate.Code != "" {
			s.Gates[name] = string(gate.Code)
		}
		if why := cmp.Or(e.Why, gate.Why); why != "" {
			s.Why[name] = why
		}
		if c := e.Target.Compose; c != nil && env == catalog.Prod {
			s.Container = c.Container
		}
	}
	return s
}

func (a *app) services() *cobra.Command {
	return &cobra.Command{
		Use: "services", Short: "List the services of the catalog: where they run, how far they may go, and why", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := LoadCatalog(a.configDir)
			if err != nil {
				return err
			}
			var list []service
			for _, id := range c.Services() {
				row, err := c.Row(id.String())
				if err != nil {
					return err
				}
				list = append(list, listed(row))
			}
			if a.format == "json" {
				return a.json(list)
			}
			return printServices(a.Out, list)
		},
	}
}

// printServices writes a line for each service and environment that it has.
func printServices(out io.Writer, list []service) error {
	var lines [][]string
	for _, s := range list {
		name := s.Service
		for _, env := range catalog.Envs() {
			e := string(env)
			lines = append(lines, []string{name, e, s.Modes[e], s.Shapes[e], strings.Join(s.Targets[e], "\n"), s.Gates[e], s.Why[e]})
			name = ""
		}
	}
	return rows(out, []string{"SERVICE", "ENV", "MODE", "SHAPE", "TARGET", "GATE", "WHY"}, lines)
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
