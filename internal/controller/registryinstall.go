package controller

import (
	"fmt"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// registryDryRun is what install --dry-run answers. docs/output.md describes its JSON.
type registryDryRun struct {
	OK       bool               `json:"ok"`
	Decision string             `json:"decision"`
	Source   string             `json:"source"`
	Host     string             `json:"host"`
	Settings registry.Settings  `json:"settings"`
	Hashes   registry.Hashes    `json:"hashes"`
	Steps    []registry.Planned `json:"steps"`
	Next     string             `json:"next"`
}

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
			c, err := LoadConfig(a.configDir)
			if err != nil {
				return err
			}
			far := &remote{config: c.Hosts[c.RegistryHost], version: a.version}
			defer func() { _ = far.Close() }()
			r := registryResult{Host: c.RegistryHost}
			started := time.Now()
			done, err := far.InstallRegistry(cmd.Context(), c.Registry, registry.Render(c.Registry).Hashes(), func(p registry.Progress) {
				r.Steps = append(r.Steps, p)
				lipgloss.Fprintln(a.Err, installLine(time.Since(started), p))
			})
			if err != nil {
				if begun := len(r.Steps) > 0; begun {
					r.Report = registry.Unreachable(c.Registry, remedy.Report(err)).FailedInstall(begun) // its agent is there: nothing is asked past it
				} else {
					r.Report = a.unread(cmd.Context(), c, err).FailedInstall(begun)
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
	c, from, err := a.declared()
	if err != nil {
		return err
	}
	r := registryDryRun{
		OK: true, Decision: "dry-run", Source: from, Host: c.RegistryHost, Settings: c.Registry,
		Hashes: registry.Render(c.Registry).Hashes(), Steps: registry.Steps(c.Registry), Next: "unidesk-controller artifact-registry install",
	}
	if a.format == "json" {
		return a.json(r)
	}
	p := &printer{out: a.Out}
	p.line("%s  registry on %s: these steps would be taken, in this order; nothing was contacted", good.Render(r.Decision), r.Host)
	for _, s := range r.Steps {
		p.field(string(s.Step), "%s", s.Target)
		p.field("", "%s", faint.Render(s.Does))
	}
	p.field("settings", "%s", r.Source)
	p.field("next", "%s", r.Next)
	return p.err
}

// installLine is a step that is done, for people.
func installLine(after time.Duration, p registry.Progress) string {
	what := faint.Render("as it is")
	switch {
	case p.Kept != "":
		what = "changed; what was there is kept at " + p.Kept
	case p.Changed:
		what = "changed"
	}
	return fmt.Sprintf("%6.1fs  %s %s  %s", after.Seconds(), pointStyle.Render(fmt.Sprintf("%-8s", p.Step)), p.Target, what)
}
