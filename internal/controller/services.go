package controller

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
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
	// short are the targets by name alone.
	short map[string][]string
}

func listed(row catalog.Row) service {
	s := service{
		Service: row.Service.String(), Shapes: map[string]string{}, Targets: map[string][]string{},
		Modes: map[string]string{}, Gates: map[string]string{}, Why: map[string]string{}, short: map[string][]string{},
	}
	for _, env := range catalog.Envs() {
		e, name := row.Environment(env), string(env)
		s.Modes[name], s.Targets[name] = string(e.Mode), e.Target.Names()
		if e.Target.Shape != "" {
			s.Shapes[name] = string(e.Target.Shape)
		}
		gate := contract.Judge(row, env, contract.Asked{Entry: contract.ByDeployService, Commit: string(contract.AnyCommit)})
		if gate.Code != "" {
			s.Gates[name] = string(gate.Code)
		}
		if why := cmp.Or(e.Why, gate.Why); why != "" {
			s.Why[name] = why
		}
		switch t := e.Target; {
		case t.Compose != nil:
			s.short[name] = []string{t.Compose.Container}
			if env == catalog.Prod {
				s.Container = t.Compose.Container
			}
		case t.Kubernetes != nil:
			for _, d := range t.Kubernetes.Deployments {
				s.short[name] = append(s.short[name], t.Kubernetes.Namespace+"/"+d)
			}
		case t.Shape == catalog.Infrastructure:
			s.short[name] = []string{"none"}
		}
	}
	return s
}

func (a *app) services() *cobra.Command {
	return &cobra.Command{
		Use: "services [NAME]", Short: "List the services of the catalog: where they run, how far they may go; with NAME one of them whole, and why",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeServices,
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			catalogRows, err := a.rowsOf(name)
			if err != nil {
				return err
			}
			var list []service
			for _, row := range catalogRows {
				list = append(list, listed(row))
			}
			switch {
			case a.format == "json":
				return a.json(list)
			case name != "":
				return printService(a.Out, list[0])
			}
			return printServices(a.Out, list)
		},
	}
}

// printServices writes a line for each service and environment that it has, no
// wider than most terminals; the shape tells the host.
func printServices(out io.Writer, list []service) error {
	var lines [][]string
	for _, s := range list {
		name := s.Service
		for _, env := range catalog.Envs() {
			e := string(env)
			lines = append(lines, []string{name, e, s.Modes[e], s.Shapes[e], strings.Join(s.short[e], "\n"), s.Gates[e]})
			name = ""
		}
	}
	if err := rows(out, []string{"SERVICE", "ENV", "MODE", "SHAPE", "TARGET", "GATE"}, lines); err != nil {
		return err
	}
	_, err := lipgloss.Fprintln(out, faint.Render("unidesk-controller services NAME shows one whole, and why"))
	return err
}

// printService writes all that the catalog says of one.
func printService(out io.Writer, s service) error {
	p := &printer{out: out}
	for _, env := range catalog.Envs() {
		e := string(env)
		p.line("%s  %s", s.Service, e)
		p.field("mode", "%s", s.Modes[e])
		if s.Shapes[e] != "" {
			p.field("shape", "%s", s.Shapes[e])
		}
		if len(s.Targets[e]) > 0 {
			p.field("target", "%s", indent(strings.Join(s.Targets[e], "\n")))
		}
		if s.Gates[e] != "" {
			p.field("gate", "%s", s.Gates[e])
		}
		if s.Why[e] != "" {
			p.field("why", "%s", indent(wrapped(s.Why[e])))
		}
	}
	return p.err
}

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
				_, err = fmt.Fprintf(a.Out, "ok: %s, %s\n", counted(len(c.Services()), "service"), c.Hash)
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
