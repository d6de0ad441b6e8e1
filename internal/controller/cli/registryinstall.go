package cli

import (
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

func (a *app) registryInstall() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "install [--dry-run]", Short: "Make the registry on its host what is declared, and start it", Args: cobra.NoArgs,
		Long: `install makes the registry on its host what is declared: folders, the three files,
daemon-reload, enable, start; then it judges as health does, with health's exit codes.
What is so already is left alone, and a file that is replaced is kept beside its path.
When a step fails, what was there before is put back. The storage's content is never
touched. With --dry-run the steps are listed and nothing is contacted.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun {
				return a.registryDryRun()
			}
			c, err := site.LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			far := site.NewRemote(c.Hosts[c.RegistryHost], a.version)
			defer func() { _ = far.Close() }()
			r := present.RegistryResult{Host: c.RegistryHost}
			started := time.Now()
			done, err := far.InstallRegistry(cmd.Context(), c.Registry, registry.Render(c.Registry).Hashes(), func(p registry.Progress) {
				r.Steps = append(r.Steps, p)
				lipgloss.Fprintln(a.Err, present.InstallLine(time.Since(started), p))
			})
			if err != nil {
				if begun := len(r.Steps) > 0; begun {
					r.Report = registry.Unreachable(c.Registry, err).FailedInstall(begun) // its agent is there: nothing is asked past it
				} else {
					r.Report = site.Unread(cmd.Context(), c, a.sshAlone, err).FailedInstall(begun)
				}
				return a.finishRegistry(cmd.Context(), r)
			}
			r.Changes, r.Report = &done.Changes, registry.Judge(c.Registry, done.Facts).Health()
			return a.finishRegistry(cmd.Context(), r)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list the steps and contact nothing")
	return cmd
}

// registryDryRun is given nothing to act with.
func (a *app) registryDryRun() error {
	c, from, err := site.Declared(a.configDir)
	if err != nil {
		return err
	}
	r := present.RegistryDryRun{
		OK: true, Decision: "dry-run", Source: from, Host: c.RegistryHost, Settings: c.Registry,
		Hashes: registry.Render(c.Registry).Hashes(), Steps: registry.Steps(c.Registry), Next: "unidesk-controller artifact-registry install",
	}
	if a.format == "json" {
		return a.json(r)
	}
	return present.PrintRegistryDryRun(a.Out, r)
}
