package registrycmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/cli/command"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/registryanswer"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

type installCommand struct {
	*command.App
	dryRun bool
}

func newInstall(a *command.App) *cobra.Command {
	c := &installCommand{App: a}
	cmd := &cobra.Command{
		Use: "install [--dry-run]", Short: "Make the registry what is declared, and start it",
		Long: `install makes the registry on its host what is declared: folders, the three
files, daemon-reload, enable, start; then it judges as health does, with
health's exit codes. What is so already is left alone, and a file that is
replaced is kept beside its path. When a step fails, what was there before is
put back. The storage's content is never touched. With --dry-run the steps are
listed and nothing is contacted.`,
		Example: `  unidesk-controller artifact-registry install --dry-run
  unidesk-controller artifact-registry install`,
		Args: cobra.NoArgs, RunE: a.Runs(c),
	}
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "list the steps and contact nothing")
	return cmd
}

func (c *installCommand) Run(ctx context.Context) (present.Answer, error) {
	if c.dryRun {
		return c.plan()
	}
	config, err := site.LoadConfig(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	far := site.NewRemote(config.RegistryHost, config.Hosts[config.RegistryHost], c.Version)
	defer func() { _ = far.Close() }()
	r := registryanswer.Result{Host: config.RegistryHost}
	progress := c.Progress()
	defer progress.Close()
	step := registryanswer.Installing(progress, registry.Steps(config.Registry))
	done, err := far.InstallRegistry(ctx, config.Registry, registry.Render(config.Registry).Hashes(), func(p registry.Progress) {
		r.Steps = append(r.Steps, p)
		step(p)
	})
	switch begun := len(r.Steps) > 0; {
	case err == nil:
		r.Changes, r.Report = &done.Changes, registry.Judge(config.Registry, done.Facts).Health()
	case begun:
		r.Report = registry.Unreachable(config.Registry, remedy.Report(err)).FailedInstall(begun) // its agent is there: nothing is asked past it
	default:
		r.Report = site.Unread(ctx, config, c.Probe, err).FailedInstall(begun)
	}
	return registryanswer.Report(r).UnlessStopped(ctx), nil
}

// plan is given nothing to act with.
func (c *installCommand) plan() (present.Answer, error) {
	config, from, err := site.Declared(c.ConfigDir)
	if err != nil {
		return present.Answer{}, err
	}
	return registryanswer.DryRun(config, from), nil
}
