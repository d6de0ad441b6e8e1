package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// mostLines is what --lines may ask for; a target bounds the bytes besides.
const mostLines = 10_000

// tailed is what logs answers. docs/output.md describes its JSON.
type tailed struct {
	OK        bool               `json:"ok"`
	Service   artifact.ServiceID `json:"service"`
	Env       catalog.Env        `json:"env"`
	Host      string             `json:"host"`
	Container string             `json:"container"`
	Runs      bool               `json:"runs"`
	// Lines are the last ones, scrubbed of the secrets that the service was given.
	Lines []string `json:"lines"`
}

func (a *app) logs() *cobra.Command {
	var service, env string
	var lines int
	cmd := &cobra.Command{
		Use: "logs --service NAME [--env ENV] [--lines N]", Short: "Show the last lines of a service's output, without secrets", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if lines < 1 || lines > mostLines {
				return fault.New(fault.Usage, "--lines %d: it is 1 to %d", lines, mostLines)
			}
			at, err := a.place(service, env)
			if err != nil {
				return err
			}
			defer at.Close()
			seen, err := at.Target.Observe(cmd.Context(), at.Spec, false)
			if err != nil {
				return err
			}
			in, err := speaking(at.Spec, seen)
			if err != nil {
				return err
			}
			said, err := at.Target.Logs(cmd.Context(), at.Spec, in.ID, lines)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.json(tailed{true, at.Row.Service, at.Env, at.Host, in.Name, in.Running, append([]string{}, said...)})
			}
			for _, line := range said {
				if _, err := fmt.Fprintln(a.Out, line); err != nil {
					return err
				}
			}
			return nil
		},
	}
	serviceFlags(cmd, &service, &env)
	cmd.Flags().IntVar(&lines, "lines", 100, "how many lines")
	return cmd
}

// speaking is the instance whose output is meant: the service's own or, where an
// interrupted switch left it under another name, the newest.
func speaking(spec workload.Spec, seen workload.Observation) (workload.Instance, error) {
	if in := proof.Current(spec, seen); in != nil {
		return *in, nil
	}
	if len(seen.Instances) > 0 {
		return seen.Instances[0], nil
	}
	return workload.Instance{}, fault.New(fault.WorkloadNotFound, "there is no container of %s: it was never started, or was removed", spec.Container).
		WithHint("unidesk-controller history lists what was deployed")
}
